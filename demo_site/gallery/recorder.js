// An audio worklet: the microphone's samples in, blocks of 512 at 16 kHz out, as messages.
const RATE = 16000;
const BLOCK = 512;
const STEP = sampleRate / RATE; // in samples of the microphone
const REACH = Math.max(1, STEP);

class Recorder extends AudioWorkletProcessor {
  heard = []; // what later samples still need
  at = 0; // where the next sample lies in it
  block = new Float32Array(BLOCK);
  filled = 0;

  process([[samples]]) {
    this.heard.push(...(samples ?? []));
    for (; this.at + REACH < this.heard.length; this.at += STEP) this.keep(this.sample(this.at));
    const done = Math.max(0, Math.floor(this.at - REACH));
    this.heard.splice(0, done);
    this.at -= done;
    return true;
  }

  /** A mean under Hann's window, which takes away what 16 kHz cannot carry. */
  sample(at) {
    let sum = 0;
    let weights = 0;
    for (let i = Math.max(0, Math.ceil(at - REACH)); i <= at + REACH; ++i) {
      const weight = 1 + Math.cos((Math.PI * (i - at)) / REACH);
      sum += weight * this.heard[i];
      weights += weight;
    }
    return sum / weights;
  }

  keep(sample) {
    this.block[this.filled++] = sample;
    if (this.filled < BLOCK) return;
    this.port.postMessage(this.block);
    this.filled = 0;
  }
}

registerProcessor('recorder', Recorder);

// Files and the microphone in, samples at 16 kHz out.
import { byId, tell } from './gallery.js';

export const RATE = 16000;

/** The samples of a sound file, resampled, its channels mixed to one. */
export async function decode(file) {
  const context = new OfflineAudioContext(1, 1, RATE);
  const sound = await context.decodeAudioData(await file.arrayBuffer()).catch(() => {
    throw new Error('This file is no sound that the browser can read.');
  });
  const samples = new Float32Array(sound.length);
  for (let channel = 0; channel < sound.numberOfChannels; ++channel) {
    sound.getChannelData(channel).forEach((sample, i) => {
      samples[i] += sample / sound.numberOfChannels;
    });
  }
  return samples;
}

/**
 * The button `microphone` calls `start`, then `take` with 512 samples, 32 ms, at a time, until it is
 * pressed again; the function that is returned ends it, too.
 */
export function onMicrophone(start, take) {
  const button = byId('microphone');
  let context = null;
  const stop = () => {
    button.setAttribute('aria-pressed', 'false');
    context?.close();
    context = null;
  };
  button.addEventListener('click', async () => {
    if (context) {
      tell('The microphone is off.');
      return stop();
    }
    const own = (context = new AudioContext());
    const pressed = () => own === context && button.ariaPressed === 'true';
    try {
      await connect(own, (samples) => pressed() && take(samples));
      await start();
      button.setAttribute('aria-pressed', 'true');
    } catch (error) {
      stop();
      throw error;
    }
  });
  return stop;
}

/** Until the context is closed. */
async function connect(context, take) {
  const { mediaDevices } = navigator;
  if (!mediaDevices) throw new Error('Browsers lend the microphone to pages on https only.');
  const audio = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };
  const stream = await mediaDevices.getUserMedia({ audio });
  context.addEventListener('statechange', () => {
    if (context.state === 'closed') stream.getTracks().forEach((track) => track.stop());
  });
  await context.audioWorklet.addModule('./recorder.js');
  const recorder = new AudioWorkletNode(context, 'recorder');
  recorder.port.onmessage = ({ data }) => take(data);
  context.createMediaStreamSource(stream).connect(recorder).connect(context.destination);
}

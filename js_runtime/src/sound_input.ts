// What an input of `--preprocess audio` takes: copied into such packages as sounds.d.ts.

export interface SamplesInput {
  /** In -1 to 1; the channels of a sample lie side by side. */
  readonly data: Float32Array;
  /** Samples a second, in whole numbers. */
  readonly sampleRate: number;
  /** 1 by default. */
  readonly channels?: number;
}

/** As an `AudioBuffer` has it. */
export interface AudioBufferLike {
  readonly sampleRate: number;
  readonly length: number;
  readonly numberOfChannels: number;
  getChannelData(channel: number): Float32Array;
}

/** A sound of any rate and number of channels: they are mixed to one. */
export type SoundInput = SamplesInput | AudioBufferLike;

// What an input of `--preprocess image` takes: copied into such packages as images.d.ts.

/** A class of the DOM, where the compiler's libraries know it: Node's do not. */
type Dom<Name extends string> = typeof globalThis extends {
  readonly [N in Name]: { readonly prototype: infer T };
}
  ? T
  : never;

/** Rows of RGB or RGBA from the top, such as an `ImageData`. */
export interface PixelsInput {
  readonly data: Uint8Array | Uint8ClampedArray;
  readonly width: number;
  readonly height: number;
}

/** A picture of any size. Transparency is ignored; a file's orientation (EXIF) is obeyed. */
export type ImageInput =
  | PixelsInput
  | Dom<'Blob'>
  | Dom<'ImageBitmap'>
  | Dom<'HTMLImageElement'>
  | Dom<'HTMLCanvasElement'>
  | Dom<'OffscreenCanvas'>
  | Dom<'HTMLVideoElement'>
  | Dom<'VideoFrame'>;

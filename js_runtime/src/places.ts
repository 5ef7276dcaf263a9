// A package's assets and what the user says of them (`baseUrl`, `files`) in, the place of each file
// out.
import type { Content } from './contents.ts';
import { wtwError } from './errors.ts';
import type { Platform } from './platform.ts';
import type { Addresses, Place } from './protocol.ts';
import type { Assets, FileSource, LoadOptions } from './types.ts';

/** Throws option-invalid. */
export function placesOf(
  platform: Platform,
  assets: Assets,
  { baseUrl, files = {} }: LoadOptions,
): Addresses {
  const address = (option: string, place: string | URL) => {
    try {
      return platform.address(place);
    } catch {
      throw wtwError('option-invalid', { name: option, reason: `${place} is no address` });
    }
  };
  const folder =
    baseUrl === undefined ? undefined : address('baseUrl', baseUrl).replace(/\/*$/, '/');
  const placeOf = (file: string, asset: Assets[string]): Place => {
    const [url, sha256] = typeof asset === 'string' || asset instanceof URL ? [asset] : asset;
    const given = files[file];
    if (given !== undefined) {
      const option = `files['${file}']`;
      const at = isAddress(given) ? address(option, given) : contentOf(option, given);
      return { at, sha256 };
    }
    const at = folder === undefined ? address('baseUrl', url) : new URL(file, folder).href;
    return { at, sha256 };
  };
  return Object.fromEntries(
    Object.entries(assets).map(([file, asset]) => [file, placeOf(file, asset)]),
  );
}

function isAddress(given: FileSource): given is string | URL {
  return typeof given === 'string' || given instanceof URL;
}

function contentOf(option: string, given: Exclude<FileSource, string | URL>): Content {
  const refused = (reason: string) => wtwError('option-invalid', { name: option, reason });
  if (given instanceof Blob) return given;
  const isView = ArrayBuffer.isView(given);
  // By its name: it may be of another realm, or shared.
  if (!isView && !/ArrayBuffer\]$/.test(Object.prototype.toString.call(given))) {
    throw refused('give a Blob, an ArrayBuffer, a Uint8Array or an address');
  }
  if (given.byteLength === 0) throw refused('it is empty, or was transferred');
  return isView
    ? new Uint8Array(given.buffer, given.byteOffset, given.byteLength)
    : new Uint8Array(given);
}

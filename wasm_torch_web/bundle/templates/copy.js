#!/usr/bin/env node
// npx PACKAGE copy DIR: puts the package's files into DIR, for pages without a bundler and for
// bundlers that emit no assets (give load() that folder's address as `baseUrl`). With --brotli,
// also a .br file beside each that shrinks, for servers that send those.
import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync } from 'node:zlib';

const files = @files@;
const shrinking = /\.(js|json|wasm)$|^plan\.bin$/;

const [command, folder, ...options] = process.argv.slice(2);
const known = options.every((option) => option === '--brotli');
if (command !== 'copy' || folder === undefined || folder.startsWith('-') || !known) {
  console.error('usage: npx @name@ copy DIR [--brotli]');
  process.exit(2);
}
await mkdir(folder, { recursive: true });
const compressed = options.length > 0 ? files.filter((file) => shrinking.test(file)) : [];
for (const file of files) {
  await copyFile(fileURLToPath(new URL(`./${file}`, import.meta.url)), `${folder}/${file}`);
}
for (const file of compressed) {
  await writeFile(`${folder}/${file}.br`, brotliCompressSync(await readFile(`${folder}/${file}`)));
}
console.log(`copied ${files.length} files to ${folder}, ${compressed.length} compressed`);

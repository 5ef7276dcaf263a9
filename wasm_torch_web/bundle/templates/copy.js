#!/usr/bin/env node
// npx PACKAGE copy DIR: puts the package's files into DIR, for pages without a bundler and for
// bundlers that emit no assets (give load() that folder's address as `baseUrl`).
import { copyFile, mkdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

const files = @files@;

const [command, folder, ...rest] = process.argv.slice(2);
if (command !== 'copy' || folder === undefined || rest.length > 0) {
  console.error('usage: npx @name@ copy DIR');
  process.exit(2);
}
await mkdir(folder, { recursive: true });
for (const file of files) {
  await copyFile(fileURLToPath(new URL(`./${file}`, import.meta.url)), `${folder}/${file}`);
}
console.log(`copied ${files.length} files to ${folder}`);

// demo_site/ in, wasm_torch_web/demo/ out: the page that `wasm-torch-web serve` shows.
import { cpSync, mkdirSync, rmSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import * as esbuild from 'esbuild';

process.chdir(fileURLToPath(new URL('..', import.meta.url)));
const OUT = 'wasm_torch_web/demo';

rmSync(OUT, { recursive: true, force: true });
mkdirSync(OUT, { recursive: true });
cpSync('demo_site/static', OUT, { recursive: true });
await esbuild.build({
  entryPoints: { demo: 'demo_site/src/main.ts', style: 'demo_site/style/main.css' },
  outdir: OUT,
  bundle: true,
  splitting: true, // what reads tokenizers is fetched by pages that have one
  chunkNames: '[name]',
  minify: true,
  format: 'esm',
  target: ['chrome91', 'firefox89', 'safari16.4'],
});
cpSync('node_modules/@huggingface/tokenizers/LICENSE', `${OUT}/tokenizer.LICENSE.txt`);
console.log(`demo.js             ${statSync(`${OUT}/demo.js`).size} bytes`);

// js_runtime/src in, wasm_torch_web/runtime/js out: loader.js, loader.node.js, worker.js and
// runtime.d.ts; images.js, sounds.js and classes.js with their types, for the packages that ask for
// them. With `--tests`, tests/js is bundled into build/js_tests instead.
import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { fileURLToPath } from 'node:url';
import * as esbuild from 'esbuild';
import { compile } from 'json-schema-to-typescript';

process.chdir(fileURLToPath(new URL('..', import.meta.url)));
const SOURCE = 'js_runtime/src';
const GENERATED = 'build/generated';
const OUT = 'wasm_torch_web/runtime/js';
const BANNER = '// wasm-torch-web: the JavaScript half of the runtime. Licence: Apache-2.0';
/** Extensions of a model, and the file with what their users see. */
const EXTENSIONS = { images: 'image_input', sounds: 'sound_input', classes: 'classification' };
// The oldest that have SIMD128.
const BROWSERS = ['chrome91', 'firefox89', 'safari16.4'];

function run(...command) {
  const { status } = spawnSync(command[0], command.slice(1), { stdio: 'inherit' });
  if (status !== 0) throw new Error(`failed: ${command.join(' ')}`);
}

/** errors.ts and variants.ts from Python's tables, manifest.ts from the schema. */
async function generate() {
  const python = existsSync('.venv/bin/python') ? '.venv/bin/python' : 'python3';
  run(python, '-m', 'wasm_torch_web.codegen', GENERATED);
  const schema = JSON.parse(readFileSync('wasm_torch_web/format/manifest.schema.json', 'utf8'));
  const bannerComment = '// Generated from manifest.schema.json; do not edit.';
  const text = await compile(schema, 'Manifest', { bannerComment, ignoreMinAndMaxItems: true });
  writeFileSync(`${GENERATED}/manifest.ts`, text);
}

/** The manifest's schema without its words for people. */
const bareSchema = {
  name: 'bare-schema',
  setup(build) {
    build.onLoad({ filter: /manifest\.schema\.json$/ }, ({ path }) => {
      const bare = (key, value) => (key === 'description' ? undefined : value);
      const schema = JSON.parse(readFileSync(path, 'utf8'), bare);
      return { contents: JSON.stringify(schema), loader: 'json' };
    });
  },
};

/** Bundles one entry. worker.js is a script that also works as a module: no imports, no exports. */
async function bundle(name, format, target) {
  await esbuild.build({
    entryPoints: [`${SOURCE}/${name}.ts`],
    outfile: `${OUT}/${name}.js`,
    bundle: true,
    minify: true,
    format,
    target,
    plugins: [bareSchema],
    banner: { js: BANNER },
  });
  console.log(
    `${name}.js${' '.repeat(20 - name.length)}${statSync(`${OUT}/${name}.js`).size} bytes`,
  );
}

/** The declarations of the public files, as one. */
function declarations() {
  run(
    'node_modules/.bin/tsc',
    '--noEmit',
    'false',
    '--declaration',
    '--emitDeclarationOnly',
    '--rootDir',
    '.',
    '--outDir',
    'build/js_types',
  );
  const read = (name) => readFileSync(`build/js_types/${name}.d.ts`, 'utf8');
  const [variant] = /^export type Variant = .*$/m.exec(read(`${GENERATED}/variants`));
  const types = read(`${SOURCE}/types`)
    .replace(/^import type { Variant }.*\n/m, '')
    .replace(/^export type { Variant };$/m, variant);
  const parts = [types, read(`${SOURCE}/wtw_error`)];
  const loader = 'export declare const loadModel: LoadModel;\n';
  writeFileSync(`${OUT}/runtime.d.ts`, `${BANNER}\n${parts.join('')}${loader}`);
  for (const [name, types] of Object.entries(EXTENSIONS)) {
    writeFileSync(`${OUT}/${name}.d.ts`, `${BANNER}\n${read(`${SOURCE}/${types}`)}`);
  }
}

async function bundleTests() {
  rmSync('build/js_tests', { recursive: true, force: true });
  const files = readdirSync('tests/js').filter((file) => file.endsWith('.test.ts'));
  await esbuild.build({
    entryPoints: files.map((file) => `tests/js/${file}`),
    outdir: 'build/js_tests',
    outExtension: { '.js': '.mjs' },
    bundle: true,
    platform: 'node',
    format: 'esm',
    sourcemap: 'inline',
  });
}

await generate();
if (process.argv.includes('--tests')) {
  await bundleTests();
} else {
  mkdirSync(OUT, { recursive: true });
  await bundle('loader', 'esm', BROWSERS);
  await bundle('loader.node', 'esm', ['node20']);
  await bundle('worker', 'iife', BROWSERS);
  for (const name of Object.keys(EXTENSIONS)) await bundle(name, 'esm', BROWSERS);
  declarations();
}

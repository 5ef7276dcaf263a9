// Python's hands in the page: `window.visit.NAME(argument)` gives what the test looks at. A package
// is named by its folder on the server.
const wave = (n) => Float32Array.from({ length: n }, (_, i) => Math.sin(i * 12.9898));
const open = async (folder, options) => {
  const { load } = await import(`/${folder}/index.js`);
  return load(options);
};

if (location.search === '?without-storage') {
  const get = () => {
    throw new DOMException('disabled', 'SecurityError');
  };
  Object.defineProperty(window, 'caches', { get });
}

const NAME = 'wasm-torch-web';
const DAMAGED = 'damaged'; // a header of entries that a test has changed
const entries = async () => ((await caches.has(NAME)) ? (await caches.open(NAME)).keys() : []);
const pause = (ms) => new Promise((done) => setTimeout(done, ms));

/** Waits until these are kept: that goes on while the model lives. */
async function kept(urls) {
  const end = performance.now() + 60_000;
  for (const url of urls) {
    const missing = async () => {
      const response = await (await caches.open(NAME)).match(url);
      return !response || response.headers.has(DAMAGED);
    };
    while ((await missing()) && performance.now() < end) await pause(20);
  }
}

/** The output, what the self-test says, and how far it came; or the error. */
async function outcome(folder, options = {}, keeps = []) {
  const reports = [];
  const onProgress = (progress) => {
    reports.push(progress);
    options.onProgress?.(progress);
  };
  try {
    const model = await open(folder, { ...options, onProgress });
    const { output } = await model.run({ x: wave(512) });
    const found = { output: [...output.data], why: model.info.why, reports };
    const { passed } = await model.selfTest().catch((error) => ({ passed: error.code }));
    await kept(keeps);
    await model.dispose();
    return { ...found, passed };
  } catch ({ code, message }) {
    return { code, message, reports };
  }
}

window.visit = {
  load: ({ folder, options, keeps }) => outcome(folder, options, keeps),

  /** Begins what `end` gives. */
  begin({ folder, options }) {
    window.ending = outcome(folder, options);
  },
  end: () => window.ending,

  /** Aborts when that phase is reported, or after so many milliseconds. */
  abort({ folder, options, phase, after }) {
    const controller = new AbortController();
    const onProgress = (progress) => progress.phase === phase && controller.abort();
    if (after !== undefined) setTimeout(() => controller.abort(), after);
    return outcome(folder, { ...options, signal: controller.signal, onProgress });
  },

  /** With a listener that throws; what is heard of that comes along. */
  async throwing({ folder, options }) {
    const heard = [];
    const hear = (event) => {
      heard.push(event.message);
      event.preventDefault();
    };
    addEventListener('error', hear);
    const onProgress = () => {
      throw new Error('a listener of its own');
    };
    const found = await outcome(folder, { ...options, onProgress });
    removeEventListener('error', hear);
    return { ...found, heard };
  },

  /** From here on, notes in `window.refused` the errors of what cannot be kept. */
  watch() {
    window.refused = [];
    const { put } = Cache.prototype;
    Cache.prototype.put = function (...given) {
      const putting = put.apply(this, given);
      putting.catch(({ name }) => window.refused.push(name));
      return putting;
    };
  },

  /** The package's files as what a user may have at hand; where they are served, nothing is. */
  async contents({ folder, files, kind, options }) {
    const read = async (file) => {
      const response = await fetch(`/${folder}/${file}`);
      if (kind === 'File') return new File([await response.blob()], file);
      const buffer = await response.arrayBuffer();
      return kind === 'ArrayBuffer' ? buffer : new Uint8Array(buffer);
    };
    const given = {};
    for (const file of files) given[file] = await read(file);
    const found = await outcome(folder, { ...options, files: given, baseUrl: '/nowhere' });
    const sizes = Object.values(given).map((one) => one.size ?? one.byteLength);
    return { ...found, sizes };
  },

  kept: async () => (await entries()).map(({ url }) => url),

  /** Flips a byte in the middle of every file that is kept. */
  async damage() {
    const cache = await caches.open(NAME);
    for (const request of await cache.keys()) {
      const response = await cache.match(request);
      const bytes = new Uint8Array(await response.arrayBuffer());
      bytes[bytes.length >> 1] ^= 1;
      const headers = new Headers(response.headers);
      headers.set(DAMAGED, 'yes');
      await cache.put(request, new Response(bytes, { headers }));
    }
  },
};

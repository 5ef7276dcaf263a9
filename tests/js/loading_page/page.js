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
const entries = async () => ((await caches.has(NAME)) ? (await caches.open(NAME)).keys() : []);
const pause = (ms) => new Promise((done) => setTimeout(done, ms));

/** Waits until nothing more is kept: that goes on while the model lives. */
async function settled() {
  let [before, now] = [-1, (await entries()).length];
  while (now !== before) {
    await pause(250);
    [before, now] = [now, (await entries()).length];
  }
}

/** The output, what the self-test says, and how far it came; or the error. */
async function outcome(folder, options = {}) {
  const reports = [];
  const onProgress = (progress) => {
    reports.push(progress);
    window.loaded = progress.loaded;
    options.onProgress?.(progress);
  };
  const start = performance.now();
  const seconds = () => (performance.now() - start) / 1000;
  try {
    const model = await open(folder, { ...options, onProgress });
    const { output } = await model.run({ x: wave(512) });
    const found = { output: [...output.data], why: model.info.why, reports, seconds: seconds() };
    const { passed } = await model.selfTest().catch((error) => ({ passed: error.code }));
    await settled().catch(() => {}); // the page may have no storage
    await model.dispose();
    return { ...found, passed };
  } catch ({ code, message }) {
    return { code, message, reports, seconds: seconds() };
  }
}

window.visit = {
  load: ({ folder, options }) => outcome(folder, options),

  /** Begins what `end` gives. */
  begin({ folder, options }) {
    window.loaded = 0;
    window.ending = outcome(folder, options);
  },
  /** Waits until so many bytes have come. */
  async came(bytes) {
    while (window.loaded < bytes) await pause(5);
  },
  end: () => window.ending,

  /** Aborts when that phase is reported, or after so many milliseconds. */
  abort({ folder, options, phase, after }) {
    const controller = new AbortController();
    const onProgress = (progress) => progress.phase === phase && controller.abort();
    if (after !== undefined) setTimeout(() => controller.abort(), after);
    return outcome(folder, { ...options, signal: controller.signal, onProgress });
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
      await cache.put(request, new Response(bytes, { headers: response.headers }));
    }
  },
};

// Cases in, milliseconds a run out: every round measures the peak and then each case once.

const PEAK_STEPS = 200_000;
const SLICE_MS = 4; // one measurement repeats a case for about as long
const WARM_MS = 30; // until the optimising tier is reached

async function instantiate(url) {
  const module = await WebAssembly.compileStreaming(fetch(url));
  const memory = new WebAssembly.Memory({ initial: 64, maximum: 65536 });
  const imports = {};
  for (const { module: from, name, kind } of WebAssembly.Module.imports(module)) {
    imports[from] ??= {};
    imports[from][name] = kind === 'memory' ? memory : () => 0;
  }
  const { exports } = await WebAssembly.instantiate(module, imports);
  exports._initialize?.();
  return exports;
}

function time(action) {
  const start = performance.now();
  action();
  return performance.now() - start;
}

/** cases: [exported function, ...sizes]; gives {peak: ms per step[], cases: ms per run[][]}. */
export async function measure(cases, rounds) {
  const wasm = await instantiate('bench.wasm');
  const jobs = cases.map(([make, ...sizes]) => {
    const job = wasm[make](...sizes);
    if (job < 0) throw new Error(`refused: ${make}(${sizes})`);
    let times = 1; // doubled until so many runs can be timed
    for (let spent = 0; spent < WARM_MS; spent += time(() => wasm.bench_run(job, times))) {
      if (spent * 4 < WARM_MS) times *= 2;
    }
    const once = time(() => wasm.bench_run(job, times)) / times;
    return { job, times: Math.max(1, Math.round(SLICE_MS / once)), taken: [] };
  });
  wasm.bench_peak(PEAK_STEPS);
  const peak = [];
  for (let round = 0; round < rounds; round++) {
    peak.push(time(() => wasm.bench_peak(PEAK_STEPS)) / PEAK_STEPS);
    for (const { job, times, taken } of jobs) {
      taken.push(time(() => wasm.bench_run(job, times)) / times);
    }
  }
  return { peak, cases: jobs.map((job) => job.taken) };
}

// What a page or a worker can find out about its browser, for diagnose().
import type { Surroundings } from './diagnose.ts';

const PATIENCE_MS = 1000;

// Headers that isolate a page, with the values that do; the first is the one to recommend.
const HEADERS = [
  ['Cross-Origin-Opener-Policy', 'same-origin'],
  ['Cross-Origin-Embedder-Policy', 'require-corp', 'credentialless'],
] as const;

export async function browserSurroundings(): Promise<Surroundings> {
  const [{ isolated, advice }, storage, gpu] = await Promise.all([
    isolation(),
    storageOf(navigator.storage as StorageManager | undefined),
    gpuOf(navigator),
  ]);
  const facts = {
    platform: navigator.userAgent,
    isolated,
    cores: `${navigator.hardwareConcurrency} logical processors`,
    memory: memoryOf(),
    storage,
    gpu,
  };
  return { facts, advice };
}

async function isolation(): Promise<{ isolated: string; advice: string[] }> {
  if (self.crossOriginIsolated) return { isolated: 'yes', advice: [] };
  const faults: string[] = [];
  const advice: string[] = [];
  if (!isSecureContext) {
    faults.push('the page is not secure');
    advice.push('serve the page over https (http://localhost will do as well).');
  }
  const page = await pageHeaders();
  const given = (name: string) => page?.get(name)?.split(';')[0]?.trim() ?? 'missing';
  const missing = HEADERS.filter(([name, ...good]) => !(good as string[]).includes(given(name)));
  if (missing.length > 0) {
    const named = missing.map(([name]) => `${name} is ${given(name)}`);
    faults.push(page ? named.join(', ') : 'its headers cannot be read from here');
    const lines = missing.map(([name, value]) => `\n  ${name}: ${value}`);
    advice.push(
      `send with the page (recipes lie in the package's folder headers/):${lines.join('')}`,
    );
  }
  if (self !== self.top && typeof document !== 'undefined') {
    faults.push('the page is in a frame');
    advice.push('the page around the frame needs the headers, and allow="cross-origin-isolated".');
  }
  return { isolated: `no: ${faults.join('; ') || 'it was loaded without its headers'}`, advice };
}

// Of the page as its server, or its service worker, sends it now; a worker does not know its page.
async function pageHeaders(): Promise<Headers | undefined> {
  if (typeof document === 'undefined') return undefined;
  const asked = { method: 'HEAD', cache: 'no-store' } as const;
  const response = await patiently(fetch(location.href, asked));
  return response?.ok ? response.headers : undefined;
}

// Chromium tells these.
function memoryOf(): string {
  const { deviceMemory } = navigator as { readonly deviceMemory?: number };
  const { memory } = performance as { readonly memory?: { readonly jsHeapSizeLimit: number } };
  const told = [
    deviceMemory && `about ${deviceMemory} GiB in the device`,
    memory && `${gigabytes(memory.jsHeapSizeLimit)} for JavaScript`,
  ];
  return told.filter(Boolean).join(', ') || 'not told';
}

async function storageOf(storage: StorageManager | undefined): Promise<string> {
  const { usage = 0, quota } = (await patiently(storage?.estimate())) ?? {};
  return quota === undefined ? 'not told' : `${gigabytes(usage)} used of ${gigabytes(quota)}`;
}

interface Adapter {
  readonly info?: Partial<Record<'vendor' | 'architecture' | 'device' | 'description', string>>;
}

export async function gpuOf(navigator: unknown): Promise<string> {
  type WebGPU = { requestAdapter(): Promise<Adapter | null> };
  const { gpu } = (navigator ?? {}) as { readonly gpu?: WebGPU };
  if (gpu === undefined) return 'no WebGPU';
  const adapter = await patiently(gpu.requestAdapter());
  if (!adapter) return 'WebGPU, but no adapter';
  const { vendor, architecture, device, description } = adapter.info ?? {};
  const named = [vendor, architecture, device, description].filter(Boolean).join(' ');
  return `WebGPU, ${named || 'an adapter without a name'}`;
}

export const gigabytes = (bytes: number) => `${(bytes / 1e9).toFixed(1)} GB`;

/** Undefined where there is no answer, or none in time. */
function patiently<T>(answer: Promise<T> | undefined): Promise<T | undefined> {
  let timer: unknown;
  const late = new Promise<undefined>((resolve) => (timer = setTimeout(resolve, PATIENCE_MS)));
  return Promise.race([answer, late])
    .catch(() => undefined)
    .finally(() => clearTimeout(timer as number));
}

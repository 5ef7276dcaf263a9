// For hosts that send no headers (GitHub Pages), and for pages that work offline. Copy this file
// beside the page, which loads it first: <script src="service-worker.js"></script>. There it
// installs itself and reloads the page once; as a service worker it adds the two headers that
// switch on threads, and keeps what the page has fetched for the time when there is no network.

// Where `npx @name@ copy` has put the files, seen from this one; further models are further
// entries. With a bundler, which gives files other names, leave the list empty.
const MODELS = [
  {
    folder: '@folder@',
    files: @files@,
  },
];

const CACHE = 'pages with models';
// Weights and plans: the loader keeps them itself, by their hashes.
const KEPT_ELSEWHERE = /\.bin$/;

if (typeof document === 'undefined') serve();
else install(document.currentScript.src).catch(console.warn);

async function install(script) {
  await navigator.serviceWorker?.register(script);
  const { active } = (await navigator.serviceWorker?.ready) ?? {};
  const reloaded = `${script} has reloaded the page`;
  if (crossOriginIsolated === false && active && !sessionStorage.getItem(reloaded)) {
    sessionStorage.setItem(reloaded, 'yes'); // once: isolation may be impossible here
    location.reload();
    return;
  }
  const fetched = performance.getEntriesByType('resource').map(({ name }) => name);
  active?.postMessage([location.href.split('#')[0], ...fetched]);
}

function serve() {
  const files = new Map();
  const others = [];
  for (const model of MODELS) {
    const address = (name) => new URL(model.folder + name, location.href).href;
    for (const [name, hash] of Object.entries(model.files)) files.set(address(name), hash);
    others.push(address('index.js'), address('model.json'));
  }
  const key = (url) => (files.has(url) ? `${url}?sha256=${files.get(url)}` : url);

  addEventListener('install', () => skipWaiting());
  addEventListener('activate', (event) => event.waitUntil(Promise.all([clients.claim(), clean()])));
  addEventListener('message', (event) => {
    event.waitUntil(keepAll([...files.keys(), ...others, ...event.data]));
  });
  addEventListener('fetch', (event) => {
    const { method, url } = event.request;
    if (method === 'GET' && isKept(url)) event.respondWith(answer(event).then(isolated));
  });

  function isKept(url) {
    const { origin, pathname } = new URL(url);
    return origin === location.origin && !KEPT_ELSEWHERE.test(pathname);
  }

  // Files whose hash is known from the cache, all others from the network while there is one.
  async function answer(event) {
    const { request } = event;
    const cache = await caches.open(CACHE);
    const known = files.has(request.url) && (await cache.match(key(request.url)));
    if (known) return known;
    try {
      const response = await fetch(request);
      if (response.status === 200 && !files.has(request.url)) {
        event.waitUntil(cache.put(request, response.clone()).catch(console.warn));
      }
      return response;
    } catch (error) {
      return (await cache.match(request)) ?? Promise.reject(error);
    }
  }

  async function keepAll(urls) {
    const cache = await caches.open(CACHE);
    const wanted = [...new Set(urls)].filter(isKept);
    await Promise.allSettled(wanted.map((url) => keep(cache, url)));
  }

  async function keep(cache, url) {
    if (await cache.match(key(url))) return;
    const response = await fetch(url, { cache: 'no-cache' });
    if (response.status !== 200) return;
    if (files.has(url) && (await sha256(response.clone())) !== files.get(url)) return;
    await cache.put(key(url), response);
  }

  async function clean() {
    const cache = await caches.open(CACHE);
    const wanted = new Set([...files.keys()].map(key));
    for (const { url } of await cache.keys()) {
      if (url.includes('?sha256=') && !wanted.has(url)) await cache.delete(url);
    }
  }
}

async function sha256(response) {
  const digest = await crypto.subtle.digest('SHA-256', await response.arrayBuffer());
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, '0')).join('');
}

function isolated(response) {
  if (response.status === 0) return response; // of another origin: nothing can be added
  const headers = new Headers(response.headers);
  headers.set('Cross-Origin-Opener-Policy', 'same-origin');
  headers.set('Cross-Origin-Embedder-Policy', 'require-corp');
  const { status, statusText } = response;
  return new Response(response.body, { status, statusText, headers });
}

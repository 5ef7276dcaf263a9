// What the pages share: progress while a model loads, how it runs here, files that come in, and what
// went wrong.

/** @param {string} id */
export const byId = (id) => document.getElementById(id);

/** For `load({ onProgress })`. */
export function onProgress({ loaded, total }) {
  byId('progress').value = loaded / total;
}

/** The model is there: the last line says how it runs here, controls work, the first sample is taken. */
export function ready({ info }) {
  const { name, variant, threads, parameters, weightBytes } = info;
  const count = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 });
  byId('about').textContent =
    `${name}: ${count.format(parameters)} parameters, ${(weightBytes / 1e6).toFixed(1)} MB. ` +
    `${variant}, ${threads} ${threads === 1 ? 'thread' : 'threads'}.`;
  byId('about').title = info.why;
  byId('progress').classList.add('done');
  byId('controls').disabled = false;
  document.querySelector('[data-sample]')?.click();
}

/** What came out, to be read and heard. */
export function tell(text) {
  const status = byId('status');
  if (status.textContent !== text) status.textContent = text; // what is said again is not read again
}

/** Runs, and shows how long one of `count` took. */
export async function timed(run, count = 1) {
  const begin = performance.now();
  const outputs = await run();
  byId('time').textContent = `Last run: ${((performance.now() - begin) / count).toFixed(1)} ms.`;
  byId('failure').replaceChildren();
  return outputs;
}

/** `take` gets what is picked, photographed, dropped, pasted, or the sample of a button. */
export function onFile(take) {
  for (const input of document.querySelectorAll('input[type=file]')) {
    input.addEventListener('change', async () => {
      const [file] = input.files;
      input.value = ''; // so that the same file can be picked again
      if (file) await take(file);
    });
  }
  for (const button of document.querySelectorAll('button[data-sample]')) {
    button.addEventListener('click', async () => {
      const response = await fetch(button.dataset.sample);
      if (!response.ok) throw new Error(`${response.url}: HTTP status ${response.status}`);
      await take(await response.blob());
    });
  }
  const given = async (data) => {
    const [file] = data?.files ?? [];
    if (file && !byId('controls').disabled) await take(file);
  };
  document.addEventListener('paste', (event) => given(event.clipboardData));
  document.addEventListener('dragover', (event) => event.preventDefault());
  document.addEventListener('drop', (event) => {
    event.preventDefault();
    return given(event.dataTransfer);
  });
}

/** Shows shares as bars: `rows` are [name, share, what it says]. */
export function showBars(list, rows) {
  const template = document.createElement('template');
  template.innerHTML =
    '<li><span class="name"></span><span class="value"></span><span class="bar-of"></span></li>';
  const items = rows.map(([name, share, value]) => {
    const item = template.content.firstElementChild.cloneNode(true);
    const [label, number, bar] = item.children;
    label.textContent = label.title = name;
    number.textContent = value;
    bar.style.setProperty('--share', String(Math.max(0, share)));
    return item;
  });
  list.replaceChildren(...items);
}

// Whatever fails anywhere on a page is shown, so that pages need no code for it.
window.addEventListener('error', ({ error, message }) => showFailure(error ?? message));
window.addEventListener('unhandledrejection', (event) => {
  event.preventDefault();
  showFailure(event.reason);
});

function showFailure(error) {
  const told = document.createElement('p');
  told.className = 'failure';
  told.textContent = error?.message ?? String(error);
  byId('failure').replaceChildren(told);
  told.scrollIntoView({ block: 'nearest' });
}

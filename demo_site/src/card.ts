// A manifest in, the model's card out: first what the files say, then what the browser made of it.
import type { MemoryInfo, ModelInfo, Progress } from '../../js_runtime/src/types.ts';
import { h } from './dom.ts';
import type { Manifest } from './package.ts';
import { bytesText, countText, portText, timeText } from './text.ts';

export interface Card {
  progress(progress: Progress): void;
  loaded(info: ModelInfo, ms: number): void;
  memory(bytes: MemoryInfo): void;
  failed(): void;
}

export function showCard(place: HTMLElement, manifest: Manifest): Card {
  const facts = h('dl', { class: 'facts' });
  const bar = h('progress', { max: 1, value: 0, 'aria-label': 'Download' });
  const phase = h('span', { class: 'quiet' }, 'Starting');
  const loading = h('div', { class: 'loading' }, bar, phase);
  const why = h('p', { class: 'quiet' });
  const memory = h('dd', {});
  place.replaceChildren(heading(manifest), facts, loading, why, ports(manifest));
  facts.append(
    fact('Parameters', countText(manifest.parameters)),
    fact('Weights', bytesText(manifest.weights.bytes)),
    fact('Operators', countText(manifest.graph.nodes.length)),
  );
  return {
    progress({ loaded, total }) {
      bar.value = total > 0 ? loaded / total : 0;
      const amount = `${bytesText(loaded)} of ${bytesText(total)}`;
      phase.textContent = loaded < total ? `Downloading: ${amount}` : `Preparing: ${amount}`;
    },
    loaded(info, ms) {
      const threads = info.threads === 1 ? '1 thread' : `${info.threads} threads`;
      facts.append(
        fact('Runtime', info.simd === 'relaxed' ? 'Relaxed SIMD' : 'SIMD128', small(threads)),
        fact('Ready in', timeText(ms)),
        h('div', {}, h('dt', {}, 'Memory'), memory),
      );
      memory.append(bytesText(info.memory.total));
      why.textContent = `${info.variant}: ${info.why || 'the best variant of the runtime'}`;
      loading.remove();
    },
    memory({ total, arena }) {
      memory.replaceChildren(bytesText(total), small(`${bytesText(arena)} for a run`));
    },
    failed() {
      loading.remove();
    },
  };
}

function heading(manifest: Manifest): HTMLElement {
  const mark = manifest.verified
    ? h('span', { class: 'badge good' }, '✓ Verified against PyTorch')
    : h('span', { class: 'badge' }, 'Not verified');
  return h(
    'div',
    { class: 'heading' },
    h('h1', { id: 'title' }, manifest.name),
    h('span', { class: 'badge' }, manifest.version),
    mark,
  );
}

function fact(name: string, value: string, ...more: HTMLElement[]): HTMLElement {
  return h('div', {}, h('dt', {}, name), h('dd', {}, value, ...more));
}

const small = (text: string) => h('small', {}, text);

function ports(manifest: Manifest): HTMLElement {
  const { inputs, outputs } = manifest.programs.forward;
  const row = (kind: string, port: (typeof inputs | typeof outputs)[number]) =>
    h(
      'tr',
      {},
      h('td', {}, kind),
      h('th', { scope: 'row' }, port.name),
      h('td', {}, portText(port)),
    );
  const notes = manifest.symbols.map(({ name, min, max }) => `${name}: ${min} to ${max}`);
  const { verified } = manifest;
  if (verified) notes.push(`verified in ${verified.browser} (${verified.variants.join(', ')})`);
  return h(
    'details',
    {},
    h('summary', {}, 'Inputs and outputs'),
    h(
      'div',
      { class: 'scroll' },
      h(
        'table',
        {},
        ...inputs.map((port) => row('in', port)),
        ...outputs.map((port) => row('out', port)),
      ),
    ),
    h('p', { class: 'quiet' }, notes.join(' · ')),
  );
}

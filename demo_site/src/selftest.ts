// A model in, its comparison with PyTorch's stored outputs on the page out.
import type { Model } from '../../js_runtime/src/types.ts';
import { button, h } from './dom.ts';
import { showFailure } from './failure.ts';

export function selfTestPanel(place: HTMLElement, model: Model): Promise<void> {
  const verdict = h('div', { 'aria-live': 'polite' });
  const start = button('Compare again', () => void compare());
  const compare = async () => {
    start.disabled = true;
    try {
      verdict.replaceChildren(...report(await model.selfTest()));
    } catch (error) {
      showFailure(error);
    }
    start.disabled = false;
  };
  const what = h(
    'p',
    { class: 'quiet' },
    'The package carries inputs with the outputs that PyTorch gave; this compares them here.',
  );
  place.append(what, verdict, start);
  return compare();
}

const errorText = (error: number) => (error === 0 ? '0' : error.toExponential(1));

function report({ passed, outputs }: Awaited<ReturnType<Model['selfTest']>>): HTMLElement[] {
  const mark = passed
    ? h('span', { class: 'badge good' }, '✓ Equal')
    : h('span', { class: 'badge bad' }, '✗ Different');
  const head = h(
    'tr',
    {},
    ...['output', 'max abs error', 'max rel error'].map((name) => h('th', { scope: 'col' }, name)),
  );
  const rows = outputs.map(({ name, maxAbsError, maxRelError }) =>
    h(
      'tr',
      {},
      h('th', { scope: 'row' }, name),
      h('td', {}, errorText(maxAbsError)),
      h('td', {}, errorText(maxRelError)),
    ),
  );
  const table = h('table', { class: 'numbers' }, head, ...rows);
  return [h('p', {}, mark), h('div', { class: 'scroll' }, table)];
}

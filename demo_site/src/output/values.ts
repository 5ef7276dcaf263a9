// Any numbers in, a table of the first ones out.
import { h } from '../dom.ts';
import { numberText } from '../text.ts';
import type { Numbers } from './numbers.ts';

const ROWS = 16;
const COLUMNS = 8;

/** Rows along the last axis. */
export function valueTable({ values, shape }: Numbers): HTMLElement {
  const width = shape[shape.length - 1] ?? 1;
  const height = width ? values.length / width : 0;
  const rows = Array.from({ length: Math.min(height, ROWS) }, (_, row) => {
    const shown = values.subarray(row * width, row * width + Math.min(width, COLUMNS));
    const cells = Array.from(shown, (value) => h('td', {}, numberText(value)));
    const more = width > COLUMNS ? [h('td', {}, '…')] : [];
    return h('tr', {}, h('th', { scope: 'row' }, `[${indexOf(row, shape)}]`), ...cells, ...more);
  });
  const rest = height > ROWS ? [h('p', { class: 'quiet' }, `and ${height - ROWS} more rows`)] : [];
  return h(
    'div',
    {},
    h('div', { class: 'scroll' }, h('table', { class: 'numbers' }, ...rows)),
    ...rest,
  );
}

/** The place of a row on all axes but the last. */
function indexOf(row: number, shape: readonly number[]): string {
  const index: number[] = [];
  let rest = row;
  for (const size of shape.slice(0, -1).reverse()) {
    index.unshift(rest % size);
    rest = Math.floor(rest / size);
  }
  return [...index, ':'].join(', ');
}

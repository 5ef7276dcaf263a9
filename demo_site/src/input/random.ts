// Seed and bounds in, a random tensor out: the generator that golden data uses (docs/format.md).
import { dtypeRow, numelOf } from '../../../js_runtime/src/dtypes.ts';
import { randomElements } from '../../../js_runtime/src/random.ts';
import type { InputData } from '../../../js_runtime/src/types.ts';
import { button, h, numberBox } from '../dom.ts';
import type { Context, TensorEditor } from './editor.ts';

export function randomEditor(context: Context): TensorEditor {
  const { port, changed } = context;
  const state = { seed: 1, ...boundsOf(context) };
  const whole = !/float|complex/.test(port.dtype);
  const step = whole ? 1 : 'any';
  const seed = numberBox('Seed', state.seed, { min: 0, max: 2 ** 32 - 1, step: 1 }, (value) => {
    state.seed = value;
    changed();
  });
  const bound = (label: string, key: 'low' | 'high') =>
    numberBox(label, state[key], { step }, (value) => {
      state[key] = value;
      changed();
    });
  const another = button('New numbers', () => {
    const box = seed.querySelector('input') as HTMLInputElement;
    box.value = String(++state.seed);
    changed();
  });
  const bounds = port.dtype === 'bool' ? [] : [bound('From', 'low'), bound('To', 'high')];
  return {
    element: h('div', { class: 'fields' }, seed, ...bounds, another),
    read(shape) {
      if (state.high < state.low) throw new Error(`${port.name}: "To" is below "From"`);
      const parts = port.dtype === 'complex64' ? 2 : 1;
      const buffer = randomElements(port.dtype, numelOf(shape) * parts, state);
      return { data: new (dtypeRow(port.dtype).array)(buffer) as InputData, shape };
    },
  };
}

/** The range of the port, else that of the golden inputs, else 0 to 1. */
function boundsOf({ port, manifest }: Context): { low: number; high: number } {
  if (port.range) return { low: port.range[0] as number, high: port.range[1] as number };
  const golden = manifest.golden?.cases[0]?.inputs[port.name];
  const { low, high } = golden && 'random' in golden ? golden.random : { low: 0, high: 1 };
  return { low, high };
}

// The dynamic sizes of a model in, boxes for them out.
import { h, numberBox } from '../dom.ts';
import type { Manifest, TensorPort } from '../package.ts';
import { symbolsOf } from '../sizes.ts';
import { takesImage } from './image.ts';

export interface SymbolBoxes {
  readonly element: HTMLElement;
  readonly sizes: ReadonlyMap<string, number>;
  /** Clamped to what the model allows. */
  resize(symbol: string, value: number): void;
  /** The sizes, with another one in place of theirs. */
  with(symbol: string, value: number): ReadonlyMap<string, number>;
}

export function symbolBoxes(manifest: Manifest, changed: () => void): SymbolBoxes {
  const ports = manifest.programs.forward.inputs.filter((port) => port.kind === 'tensor');
  const sizes = new Map<string, number>();
  const boxes = new Map<string, HTMLInputElement>();
  const fields: HTMLElement[] = [];
  for (const { name, min, max } of manifest.symbols) {
    const user = ports.find(({ shape }) => symbolsOf(shape).includes(name));
    if (!user) continue; // decided by a number input
    const value = clamp(usual(user, name), min, max);
    const field = numberBox(`${name} (${min} to ${max})`, value, { min, max, step: 1 }, (size) => {
      sizes.set(name, size);
      changed();
    });
    sizes.set(name, value);
    boxes.set(name, field.querySelector('input') as HTMLInputElement);
    fields.push(field);
  }
  const allowed = (symbol: string, value: number) => {
    const bounds = manifest.symbols.find(({ name }) => name === symbol);
    return bounds ? clamp(value, bounds.min, bounds.max) : value;
  };
  return {
    element: h('div', { class: 'fields' }, ...fields),
    sizes,
    resize(symbol, value) {
      const size = allowed(symbol, value);
      sizes.set(symbol, size);
      const box = boxes.get(symbol);
      if (box) box.value = String(size);
    },
    with: (symbol, value) => new Map(sizes).set(symbol, allowed(symbol, value)),
  };
}

/** One example, pictures of 224 pixels, sequences of 16. */
function usual(port: TensorPort, symbol: string): number {
  if (port.shape[0] === symbol && port.shape.length > 1) return 1;
  return takesImage(port) ? 224 : 16;
}

const clamp = (value: number, min: number, max: number) => Math.min(Math.max(value, min), max);

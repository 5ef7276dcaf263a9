// A number input of the model in, a box for it out.
import { numberBox, tick } from '../dom.ts';
import type { NumberPort } from '../package.ts';
import type { Editor } from './editor.ts';

export function numberEditor(port: NumberPort, changed: () => void): Editor {
  if (port.kind === 'bool') {
    let on = false;
    const element = tick('true', on, (value) => {
      on = value;
      changed();
    });
    return { element, read: () => on };
  }
  let value = port.range?.[0] ?? 1;
  const step = port.kind === 'int' ? 1 : 'any';
  const element = numberBox('Value', value, { step }, (given) => {
    value = given;
    changed();
  });
  return { element, read: () => value };
}

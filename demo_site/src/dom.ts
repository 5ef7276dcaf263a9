// Tags, attributes and children in, elements out.
export type Child = Node | string;
type Attributes = Readonly<Record<string, string | number | boolean>>;

export function byId(id: string): HTMLElement {
  return document.getElementById(id) as HTMLElement; // index.html has it
}

/** An element of HTML; `true` sets an attribute without a value, `false` leaves it out. */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  return complete(document.createElement(tag), attributes, children);
}

/** An element of SVG. */
export function svg<K extends keyof SVGElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: Child[]
): SVGElementTagNameMap[K] {
  return complete(
    document.createElementNS('http://www.w3.org/2000/svg', tag),
    attributes,
    children,
  );
}

function complete<E extends Element>(element: E, attributes: Attributes, children: Child[]): E {
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== false) element.setAttribute(name, value === true ? '' : String(value));
  }
  element.append(...children);
  return element;
}

/** A labelled choice; `changed` gets the key of the option that was taken. */
export function choice<K extends string>(
  label: string,
  options: Readonly<Record<K, string>>,
  chosen: K,
  changed: (key: K) => void,
): HTMLLabelElement {
  const keys = Object.keys(options) as K[];
  const select = h(
    'select',
    {},
    ...keys.map((key) => h('option', { value: key, selected: key === chosen }, options[key])),
  );
  select.addEventListener('change', () => changed(select.value as K));
  return h('label', { class: 'field' }, h('span', {}, label), select);
}

/** A labelled box for a number; `changed` gets it once it lies within the bounds. */
export function numberBox(
  label: string,
  value: number,
  bounds: { min?: number; max?: number; step?: number | 'any' },
  changed: (value: number) => void,
): HTMLLabelElement {
  const box = h('input', { type: 'number', value, inputmode: 'decimal', ...bounds });
  box.addEventListener('change', () => {
    if (box.reportValidity() && box.value !== '') changed(box.valueAsNumber);
  });
  return h('label', { class: 'field' }, h('span', {}, label), box);
}

/** A labelled box for text; `changed` gets it once typing pauses, or more is added to it. */
export function textBox(
  label: string,
  text: string,
  pauseMs: number,
  changed: (text: string) => void,
): { element: HTMLLabelElement; append(more: string): void } {
  const box = h('textarea', { rows: 2, spellcheck: 'false' }, text);
  let timer = 0;
  box.addEventListener('input', () => {
    clearTimeout(timer);
    timer = window.setTimeout(() => changed(box.value), pauseMs);
  });
  return {
    element: h('label', { class: 'field wide' }, h('span', {}, label), box),
    append(more) {
      clearTimeout(timer);
      box.value += more;
      changed(box.value);
    },
  };
}

/** A labelled box that is ticked or not. */
export function tick(label: string, on: boolean, changed: (on: boolean) => void): HTMLLabelElement {
  const box = h('input', { type: 'checkbox', checked: on });
  box.addEventListener('change', () => changed(box.checked));
  return h('label', { class: 'tick' }, box, h('span', {}, label));
}

export function button(label: string, pressed: () => void, kind = ''): HTMLButtonElement {
  const made = h('button', { type: 'button', class: kind }, label);
  made.addEventListener('click', pressed);
  return made;
}

/** A button that asks for a file. */
export function filePicker(
  label: string,
  accept: string,
  take: (file: File) => void,
): HTMLLabelElement {
  const box = h('input', { type: 'file', accept, class: 'unseen' });
  box.addEventListener('change', () => {
    const picked = box.files?.[0];
    if (picked) take(picked);
  });
  return h('label', { class: 'button strong' }, label, box);
}

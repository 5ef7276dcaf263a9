// The name and the type of an input or output in, its part of a panel out.
import { h } from './dom.ts';

/** `switcher` chooses between the things that the body can be. */
export function portGroup(
  name: string,
  type: string,
  switcher: HTMLElement | undefined,
  ...body: Element[]
): HTMLElement {
  const head = h('div', { class: 'head' }, h('strong', {}, name), h('code', {}, type));
  if (switcher) head.append(switcher);
  return h('div', { class: 'port', role: 'group', 'aria-label': name }, head, ...body);
}

// Anything that was thrown in, an explanation on the page out: code, message, next step.
import { isWtwError } from '../../js_runtime/src/wtw_error.ts';
import { byId, h } from './dom.ts';

export function showFailure(error: unknown): void {
  byId('failure').replaceChildren(explain(error));
  byId('failure').scrollIntoView({ block: 'nearest' });
}

export function clearFailure(): void {
  byId('failure').replaceChildren();
}

/** Runs `action`; what it throws is shown, and the answer is undefined. */
export async function guarded<T>(action: () => T | Promise<T>): Promise<T | undefined> {
  try {
    const result = await action();
    clearFailure();
    return result;
  } catch (error) {
    showFailure(error);
    return undefined;
  }
}

function explain(error: unknown): HTMLElement {
  if (!isWtwError(error)) {
    return h(
      'div',
      { class: 'failure' },
      h('strong', {}, error instanceof Error ? error.message : String(error)),
    );
  }
  // The message begins with the code and ends with the hint; both have a place of their own.
  const message = error.message.replace(`${error.code}: `, '').replace(error.hint, '').trim();
  const where = error.where && !message.includes(error.where) ? error.where : '';
  return h(
    'div',
    { class: 'failure' },
    h('p', {}, h('code', { class: 'badge bad' }, error.code), ' ', h('strong', {}, message)),
    h('p', {}, error.hint),
    ...(where ? [h('p', { class: 'quiet' }, 'At ', h('code', {}, where))] : []),
  );
}

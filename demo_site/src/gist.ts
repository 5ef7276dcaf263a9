// The line on what came out: read aloud, and shown on screens that have no room for inputs and
// outputs at once, as long as the outputs are out of sight.
import { byId } from './dom.ts';

export function showGist(text: string): void {
  byId('gist').textContent = text;
}

export function watchOutput(): void {
  const watch = new IntersectionObserver((entries) => {
    byId('gist').classList.toggle('told', entries[entries.length - 1]?.isIntersecting);
  });
  watch.observe(byId('output'));
}

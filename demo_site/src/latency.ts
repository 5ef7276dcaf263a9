// Milliseconds of runs in, the panel with median and chart out.
import { runsChart } from './chart.ts';
import { button, h } from './dom.ts';
import { timeText } from './text.ts';

const KEPT = 60;

export interface LatencyPanel {
  add(ms: number): void;
  busy(on: boolean): void;
}

/** `repeat` is called with the number of runs that a person asks for. */
export function latencyPanel(place: HTMLElement, repeat: (runs: number) => void): LatencyPanel {
  const times: number[] = [];
  const body = h('div', {});
  const buttons = [
    button('Run', () => repeat(1), 'strong'),
    button('Run 20 times', () => repeat(20)),
  ];
  place.append(body, h('div', { class: 'fields' }, ...buttons));
  return {
    add(ms) {
      times.push(ms);
      times.splice(0, times.length - KEPT);
      const middle = median(times);
      body.replaceChildren(
        h('p', { class: 'big' }, timeText(middle), h('small', {}, 'median')),
        runsChart(times, middle),
        h('p', { class: 'quiet' }, summary(times)),
      );
    },
    busy(on) {
      for (const each of buttons) each.disabled = on;
    },
  };
}

function summary(times: readonly number[]): string {
  const last = timeText(times[times.length - 1] as number);
  const fastest = timeText(Math.min(...times));
  return times.length === 1 ? '1 run' : `${times.length} runs · last ${last} · fastest ${fastest}`;
}

function median(times: readonly number[]): number {
  const sorted = [...times].sort((a, b) => a - b);
  const half = sorted.length >> 1;
  const upper = sorted[half] as number;
  return sorted.length % 2 ? upper : (upper + (sorted[half - 1] as number)) / 2;
}

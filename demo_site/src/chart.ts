// Numbers in, small SVG charts out; colours come from the style sheet.
import { svg } from './dom.ts';
import { numberText } from './text.ts';

const WIDTH = 480;
const HEIGHT = 120;
const MARGIN = 8;

function frame(label: string, ...marks: SVGElement[]): SVGSVGElement {
  return svg(
    'svg',
    { class: 'chart', viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: 'img', 'aria-label': label },
    ...marks,
  );
}

const place = (share: number, length: number) => MARGIN + share * (length - 2 * MARGIN);

const TALLEST = 4; // times the median: one slow run must not flatten the others

/** One bar a run, and a line at the median. */
export function runsChart(times: readonly number[], median: number): SVGSVGElement {
  const top = Math.min(Math.max(...times), TALLEST * median);
  const height = (time: number) => (Math.min(time, top) / top) * (HEIGHT - 2 * MARGIN);
  const step = (WIDTH - 2 * MARGIN) / Math.max(times.length, 20);
  const bars = times.map((time, i) =>
    svg('rect', {
      x: MARGIN + i * step + step * 0.12,
      y: HEIGHT - MARGIN - height(time),
      width: step * 0.76,
      height: height(time),
      rx: 2,
    }),
  );
  const y = HEIGHT - MARGIN - height(median);
  const line = svg('line', { x1: MARGIN, x2: WIDTH - MARGIN, y1: y, y2: y, class: 'median' });
  return frame(`Milliseconds of ${times.length} runs, median ${numberText(median)}`, ...bars, line);
}

const POINTS = 960;

/** A line through the values; where there are very many, through the extremes of each stretch. */
export function lineChart(values: ArrayLike<number>, label: string): SVGSVGElement {
  const stretch = Math.max(1, Math.ceil(values.length / (POINTS / 2)));
  const points: [number, number][] = [];
  for (let begin = 0; begin < values.length; begin += stretch) {
    const finite = Array.prototype.slice
      .call(values, begin, begin + stretch)
      .filter(Number.isFinite);
    if (finite.length === 0) continue;
    points.push([begin, Math.min(...finite)]);
    if (stretch > 1) points.push([begin + stretch / 2, Math.max(...finite)]);
  }
  const heights = points.map(([, value]) => value);
  const low = Math.min(...heights);
  const range = Math.max(...heights) - low || 1;
  const text = points
    .map(([i, value]) => {
      const x = place(i / Math.max(1, values.length - 1), WIDTH);
      return `${x.toFixed(1)},${(HEIGHT - place((value - low) / range, HEIGHT)).toFixed(1)}`;
    })
    .join(' ');
  return frame(label, svg('polyline', { points: text, fill: 'none' }));
}

// Quantities in, text for people out.

/** `812 B`, `41.2 kB`, `46.8 MB`. */
export function bytesText(bytes: number): string {
  let size = bytes;
  for (const unit of ['B', 'kB', 'MB']) {
    if (size < 1000) return unit === 'B' ? `${size} B` : `${size.toFixed(1)} ${unit}`;
    size /= 1000;
  }
  return `${size.toFixed(2)} GB`;
}

/** `3.50 million`, or in full below ten thousand. */
export function countText(count: number): string {
  if (count < 1e4) return count.toLocaleString('en');
  if (count < 1e6) return `${(count / 1e3).toFixed(1)} thousand`;
  return count < 1e9
    ? `${(count / 1e6).toFixed(2)} million`
    : `${(count / 1e9).toFixed(2)} billion`;
}

/** `0.42 ms`, `24.3 ms`, `1.20 s`. */
export function timeText(ms: number): string {
  if (ms >= 1000) return `${(ms / 1000).toFixed(2)} s`;
  return `${ms.toFixed(ms < 10 ? 2 : 1)} ms`;
}

/** `float32 [batch, 3, 224, 224]`, or a number's kind. */
export function portText(port: {
  kind: string;
  dtype?: string;
  shape?: readonly unknown[];
}): string {
  return port.kind === 'tensor' ? `${port.dtype} [${port.shape?.join(', ')}]` : port.kind;
}

/** Four significant digits; whole numbers as they are. */
export function numberText(value: number): string {
  if (!Number.isFinite(value) || (Number.isInteger(value) && Math.abs(value) < 1e9)) {
    return String(value);
  }
  const size = Math.abs(value);
  return size >= 1e-3 && size < 1e6 ? String(Number(value.toPrecision(4))) : value.toExponential(2);
}

/** `71.4 %`. */
export function shareText(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}

/** A token whose line breaks, and blanks at the ends, are to be seen: `␣Paris`. */
export function tokenText(token: string): string {
  return token.replaceAll('\n', '⏎').replace(/^ +| +$/g, (blanks) => '␣'.repeat(blanks.length));
}

// float16 and bfloat16 bits to numbers and back; the latter round to nearest, ties to even.

const float = new Float32Array(1);
const bits = new Uint32Array(float.buffer);

export function fromBfloat16(half: number): number {
  bits[0] = half << 16;
  return float[0] as number;
}

export function toBfloat16(value: number): number {
  float[0] = value;
  const word = bits[0] as number;
  if (Number.isNaN(value)) return 0x7fc0;
  return ((word + 0x7fff + ((word >>> 16) & 1)) >>> 16) & 0xffff;
}

export function fromFloat16(half: number): number {
  const sign = half & 0x8000 ? -1 : 1;
  const exponent = (half >> 10) & 0x1f;
  const fraction = half & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 0x1f) return fraction ? NaN : sign * Infinity;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** Of a number that float32 holds exactly. */
export function toFloat16(value: number): number {
  if (Number.isNaN(value)) return 0x7e00;
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
  const magnitude = Math.abs(value);
  if (magnitude >= 65520) return sign | 0x7c00; // half a step above the largest
  // The spacing of the numbers around the magnitude; below 2^-14 they are subnormal.
  const exponent = Math.max(Math.floor(Math.log2(magnitude)), -14);
  const steps = roundToEven(magnitude / 2 ** (exponent - 10));
  return sign | (((exponent + 14) << 10) + steps); // a carry moves into the exponent by itself
}

function roundToEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  return rest > 0.5 || (rest === 0.5 && floor % 2 === 1) ? floor + 1 : floor;
}

// Messages between Python and this page: the mirror of ../exchange.py.

const ARRAYS = {
  float32: Float32Array, float64: Float64Array, float16: Uint16Array, bfloat16: Uint16Array,
  int64: BigInt64Array, int32: Int32Array, int16: Int16Array, int8: Int8Array,
  uint8: Uint8Array, bool: Uint8Array, complex64: Float32Array, complex128: Float64Array,
  complex32: Uint16Array,
};
const ALIGN = 8;

const align = (size) => Math.ceil(size / ALIGN) * ALIGN;

/** ArrayBuffer -> { name: { data, shape, dtype } | number | boolean }. */
export function decode(message) {
  const start = 4 + new DataView(message).getUint32(0, true);
  const head = JSON.parse(new TextDecoder().decode(new Uint8Array(message, 4, start - 4)));
  return Object.fromEntries(head.map((entry) => [entry.name, decodeOne(entry, message, start)]));
}

function decodeOne(entry, message, start) {
  if ('value' in entry) return entry.value;
  const { dtype, shape, offset, bytes } = entry;
  return { dtype, shape, data: new ARRAYS[dtype](message.slice(start + offset, start + offset + bytes)) };
}

/** { name: { data, shape, dtype } | number | boolean } -> Blob. */
export function encode(values) {
  const head = [];
  const parts = [];
  let offset = 0;
  for (const [name, value] of Object.entries(values)) {
    if (typeof value !== 'object') {
      head.push({ name, value: encodeNumber(value) });
      continue;
    }
    const bytes = value.data.byteLength;
    head.push({ name, dtype: value.dtype, shape: value.shape, offset, bytes });
    parts.push(value.data, new Uint8Array(align(bytes) - bytes));
    offset += align(bytes);
  }
  const text = new TextEncoder().encode(JSON.stringify(head));
  const length = new Uint8Array(4);
  new DataView(length.buffer).setUint32(0, text.byteLength, true);
  return new Blob([length, text, ...parts]);
}

// JSON has no NaN and no infinities; Python's float() reads them as text.
const encodeNumber = (value) => (Number.isFinite(value) || typeof value === 'boolean' ? value : String(value));

// An ImageData in, the boxes of its lines of text out: dark letters on a lighter ground.

/** Boxes are { left, top, right, bottom }, from the top. */
export function findLines({ data, width, height }) {
  const grey = Uint8Array.from({ length: width * height }, (_, i) =>
    Math.round(0.299 * data[4 * i] + 0.587 * data[4 * i + 1] + 0.114 * data[4 * i + 2]),
  );
  const boxes = marks(inkOf(grey, width, height), width, height);
  const heights = boxes.map(tall).filter((size) => size >= 5);
  const letter = heights.sort((a, b) => a - b)[heights.length >> 1] ?? 0;
  const letters = boxes.filter((box) => tall(box) >= 0.4 * letter && tall(box) <= 4 * letter);
  const pad = Math.ceil(0.3 * letter);
  return chains(letters, 2 * letter)
    .filter(({ left, right }) => right - left > 2 * letter)
    .map((box) => ({
      left: Math.max(0, box.left - pad),
      top: Math.max(0, box.top - pad),
      right: Math.min(width, box.right + pad),
      bottom: Math.min(height, box.bottom + pad),
    }))
    .sort((a, b) => a.top - b.top);
}

const tall = ({ top, bottom }) => bottom - top;

/** 1 where a dot is darker than what lies around it, so that shadows on a page do no harm. */
function inkOf(grey, width, height) {
  const row = width + 1;
  const sums = new Float64Array(row * (height + 1)); // of all dots above and to the left
  for (let y = 0; y < height; ++y) {
    for (let x = 0, sum = 0; x < width; ++x) {
      sum += grey[y * width + x];
      sums[(y + 1) * row + x + 1] = sums[y * row + x + 1] + sum;
    }
  }
  const reach = Math.max(8, Math.round(width / 40));
  return grey.map((value, i) => {
    const [x, y] = [i % width, Math.floor(i / width)];
    const [left, right] = [Math.max(0, x - reach), Math.min(width, x + reach + 1)];
    const [top, bottom] = [Math.max(0, y - reach) * row, Math.min(height, y + reach + 1) * row];
    const sum = sums[bottom + right] - sums[bottom + left] - sums[top + right] + sums[top + left];
    return value < (0.85 * sum * row) / ((right - left) * (bottom - top)) ? 1 : 0;
  });
}

/** The box of each patch of ink whose dots touch, from left to right; `ink` is used up. */
function marks(ink, width, height) {
  const boxes = [];
  for (let start = 0; start < ink.length; ++start) {
    if (!ink[start]) continue;
    const box = { left: width, top: height, right: 0, bottom: 0 };
    const open = [start];
    ink[start] = 0;
    while (open.length) {
      const i = open.pop();
      const [x, y] = [i % width, Math.floor(i / width)];
      box.left = Math.min(box.left, x);
      box.right = Math.max(box.right, x + 1);
      box.top = Math.min(box.top, y);
      box.bottom = Math.max(box.bottom, y + 1);
      for (let near = Math.max(0, y - 1); near <= Math.min(height - 1, y + 1); ++near) {
        for (let j = Math.max(0, x - 1); j <= Math.min(width - 1, x + 1); ++j) {
          if (!ink[near * width + j]) continue;
          ink[near * width + j] = 0;
          open.push(near * width + j);
        }
      }
    }
    boxes.push(box);
  }
  return boxes.sort((a, b) => a.left - b.left);
}

/** Letters beside each other belong to a line; it may rise or fall along its way. */
function chains(letters, gap) {
  const lines = [];
  for (const box of letters) {
    const beside = ({ last }) =>
      box.left - last.right <= gap &&
      Math.min(last.bottom, box.bottom) - Math.max(last.top, box.top) >=
        0.4 * Math.min(tall(last), tall(box));
    const line = lines.find(beside);
    if (!line) {
      lines.push({ ...box, last: box });
      continue;
    }
    line.right = Math.max(line.right, box.right);
    line.top = Math.min(line.top, box.top);
    line.bottom = Math.max(line.bottom, box.bottom);
    line.last = box;
  }
  return lines;
}

// A size of a shape in, a number out: `3`, `batch`, `2*T + 1`. Text is parsed, never evaluated.
export type Sizes = ReadonlyMap<string, number>;
export type Size = number | string;

/** The shape for given sizes. Throws for an expression that is no sum of products. */
export function shapeFor(shape: readonly Size[], sizes: Sizes): number[] {
  return shape.map((size) => (typeof size === 'number' ? size : evaluate(size, sizes)));
}

/** The symbols that a shape names. */
export function symbolsOf(shape: readonly Size[]): string[] {
  return shape.flatMap((size) =>
    typeof size === 'string' ? (size.match(/[A-Za-z_]\w*/g) ?? []) : [],
  );
}

function evaluate(text: string, sizes: Sizes): number {
  const tokens = text.match(/\w+|\/\/|[-+*()]|\S/g) ?? [];
  let next = 0;
  const fault = () => new Error(`the size ${text} is beyond this page`);
  const take = (...wanted: string[]) => {
    const token = tokens[next];
    return token !== undefined && wanted.includes(token) ? tokens[next++] : undefined;
  };
  const atom = (): number => {
    if (take('-')) return -atom();
    if (take('(')) {
      const value = sum();
      if (!take(')')) throw fault();
      return value;
    }
    const token = tokens[next++] ?? '';
    const value = /^\d+$/.test(token) ? Number(token) : sizes.get(token);
    if (value === undefined) throw fault();
    return value;
  };
  const product = (): number => {
    let value = atom();
    for (let sign = take('*', '//'); sign; sign = take('*', '//')) {
      value = sign === '*' ? value * atom() : Math.floor(value / atom());
    }
    return value;
  };
  const sum = (): number => {
    let value = product();
    for (let sign = take('+', '-'); sign; sign = take('+', '-')) {
      value += sign === '+' ? product() : -product();
    }
    return value;
  };
  const value = sum();
  if (next < tokens.length) throw fault();
  return value;
}

// Python's hands in Node: loads the package that the argument names, then answers messages.
// stdin: u32 length, message of inputs. stdout: u32 length, u8 0 and the message of outputs, or u8 1
// and JSON { code, message }. The first answer says that the model is there.
import { stdin, stdout } from 'node:process';
import { pathToFileURL } from 'node:url';
import { decode, encode } from '../../verify/page/exchange.js';

const answer = async (kind, content) => {
  const bytes = new Uint8Array(await new Blob([content]).arrayBuffer());
  const head = Buffer.alloc(5);
  head.writeUInt32LE(bytes.length + 1);
  head[4] = kind;
  stdout.write(head);
  await new Promise((resolve) => stdout.write(bytes, resolve));
};

const attempt = async (work) => {
  try {
    await answer(0, await work());
  } catch (error) {
    const { code = '', message = String(error) } = error ?? {};
    await answer(1, JSON.stringify({ code, message }));
  }
};

async function* messages() {
  let rest = Buffer.alloc(0);
  let parts = [];
  let length = 0;
  for await (const chunk of stdin) {
    parts.push(chunk);
    length += chunk.length;
    while (length >= 4) {
      if (parts.length > 1) parts = [Buffer.concat(parts)];
      rest = parts[0];
      const end = 4 + rest.readUInt32LE();
      if (length < end) break;
      yield rest.subarray(4, end);
      parts = [rest.subarray(end)];
      length -= end;
    }
  }
}

let model;
await attempt(async () => {
  const { load } = await import(pathToFileURL(`${process.argv[2]}/index.node.js`).href);
  model = await load();
  return '';
});
for await (const message of messages()) {
  const { buffer, byteOffset, length } = message;
  const inputs = decode(buffer.slice(byteOffset, byteOffset + length));
  await attempt(async () => encode(await model.run(inputs)));
}
await model?.dispose();

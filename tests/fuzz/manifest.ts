// Lines of base64 in, for each what the loader makes of that model.json out: `ok` or a code.
import { createInterface } from 'node:readline';
import { isWtwError } from '../../js_runtime/src/wtw_error.ts';
import { readManifest } from '../../js_runtime/src/manifest.ts';

for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(`${said(Buffer.from(line, 'base64'))}\n`);
}

function said(content: Uint8Array): string {
  try {
    readManifest(content, 'model.json');
    return 'ok';
  } catch (error) {
    return isWtwError(error) ? error.code : String(error).replaceAll('\n', ' ');
  }
}

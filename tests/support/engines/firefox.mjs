// Drives Firefox for firefox.py: commands on stdin, one JSON array [name, ...arguments] a line;
// their answers on stdout, { result } or { error } a line. The end of the input ends Firefox.
//
//   node firefox.mjs EXECUTABLE
import { createInterface } from 'node:readline';
import { launch } from 'puppeteer-core';

const PATIENCE_MS = 600_000;
const browser = await launch({
  browser: 'firefox',
  executablePath: process.argv[2],
  headless: true,
  protocolTimeout: PATIENCE_MS,
  args: ['--remote-allow-system-access'],
});
await leaveWorkersAlone(browser.connection);
const [profiles, tabs] = [[], []];

const commands = {
  async version() {
    const [name, version] = (await browser.version()).split('/');
    return `${name[0].toUpperCase()}${name.slice(1)} ${version}`;
  },

  profile: async () => profiles.push(await browser.createBrowserContext()) - 1,

  async open(profile) {
    const page = await profiles[profile].newPage();
    const errors = [];
    page.on('pageerror', (error) => errors.push(String(error?.message ?? error)));
    page.on('console', (message) => {
      if (message.type() === 'error') errors.push(message.text());
    });
    return tabs.push({ page, errors }) - 1;
  },

  errors: (tab) => tabs[tab].errors,

  async goto(tab, url) {
    await tabs[tab].page.goto(url);
  },

  async evaluate(tab, script, argument) {
    const call = `(${script})(${JSON.stringify(argument)})`;
    const json = await tabs[tab].page.evaluate(`(async () => JSON.stringify(await ${call}))()`);
    return json === undefined ? undefined : JSON.parse(json);
  },

  close: (profile) => profiles[profile].close(),
};

/**
 * While something listens for new workers, as WebDriver does without need, a worker that starts one
 * waits until the page's thread knows of it, and may miss being told: then it waits for ever.
 */
async function leaveWorkersAlone(connection) {
  const folder = 'chrome://remote/content/shared/js-process-actors';
  const { result } = await connection.send('browsingContext.getTree', { 'moz:scope': 'chrome' });
  await connection.send('script.evaluate', {
    expression: `ChromeUtils.importESModule('${folder}/WebDriverWorkerListenerActor.sys.mjs')
      .unregisterWebDriverWorkerListenerActor()`,
    target: { context: result.contexts[0].context },
    awaitPromise: false,
  });
}

const asked = async (line) => {
  const [name, ...args] = JSON.parse(line);
  try {
    return { result: await commands[name](...args) };
  } catch (error) {
    return { error: String(error?.message ?? error) };
  }
};

for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(`${JSON.stringify(await asked(line))}\n`);
}
await browser.close();

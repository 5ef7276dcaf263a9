// Does what the address says; tells the server when, and what came of it.
import { load } from '/package/index.js';

const tell = (moment, facts) =>
  fetch(`/moment/${moment}`, { method: 'POST', body: JSON.stringify(facts) });
const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));
const inputs = {
  x: { data: new Float32Array(128), shape: [2, 64] },
  ids: { data: [1, 2], shape: [2] },
};

const scenes = {
  /** Three models that have worked and now wait. */
  async idle(options) {
    const models = await Promise.all([1, 2, 3].map(() => load(options)));
    await Promise.all(models.map((model) => model.run(inputs)));
    await pause(500); // helpers go to sleep, what has run often is compiled
    await tell('idle', models[0].info);
    for (;;) {
      await pause(2000);
      await tell('still idle', (await models[2].run(inputs)).logits.shape);
    }
  },

  /** Another page in front of this one. */
  async hidden(options) {
    const loaded = load(options);
    open('about:blank');
    while (!document.hidden) await pause(10);
    const start = performance.now();
    for (let i = 0; i < 3; ++i) await pause(1);
    const throttled = performance.now() - start;
    const first = await loaded;
    const model = await load(options);
    const found = await Promise.all([first.run(inputs), model.run(inputs), model.selfTest()]);
    const [{ logits }, , { passed }] = found;
    await Promise.all([first.dispose(), model.dispose()]);
    const { hidden } = document;
    await tell('hidden', { hidden, passed, throttled, shape: logits.shape, info: model.info });
  },
};

const { scene, ...options } = JSON.parse(decodeURIComponent(location.search.slice(1)));
await scenes[scene](options);

// A worker.js whose helpers can be ended.
const helpers = [];
const { Worker } = self;
self.Worker = class extends Worker {
  constructor(...given) {
    super(...given);
    helpers.push(this);
  }
};
importScripts('/sample/worker.js');
addEventListener('message', ({ data }) => {
  if (data.kind !== 'end helpers') return;
  for (const helper of helpers) helper.terminate();
  postMessage({ kind: 'test', ended: helpers.length });
});

// A worker.js whose helpers can be ended.
const helpers = [];
const Thread = self.Worker; // not Worker: worker.js would see that name
self.Worker = class extends Thread {
  constructor(...given) {
    super(...given);
    helpers.push(this);
  }
};
importScripts('/sample/worker.js');
const channel = new BroadcastChannel('helpers');
channel.onmessage = () => {
  if (!helpers.length) return; // a helper, which runs this file as well
  for (const helper of helpers) helper.terminate();
  channel.postMessage(helpers.length);
};

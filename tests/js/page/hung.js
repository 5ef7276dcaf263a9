// A worker.js that never comes back from its first call.
self.addEventListener('message', ({ data }) => {
  if (data.kind === 'call') for (;;);
});
importScripts('/sample/worker.js');

// Loads the package with the options in the address; tells the server when, and what came of it.
import { load } from '/package/index.js';

const tell = (moment, facts) =>
  fetch(`/moment/${moment}`, { method: 'POST', body: JSON.stringify(facts) });

await new Promise((resolve) => setTimeout(resolve, 300)); // the page itself settles
await tell('before');
const model = await load(JSON.parse(decodeURIComponent(location.search.slice(1))));
await tell('after', model.info);

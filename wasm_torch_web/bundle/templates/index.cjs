'use strict';

exports.load = async (options) => (await import('./index.node.js')).load(options);
exports.diagnose = async () => (await import('./index.node.js')).diagnose();
exports.isWtwError = (error) => error instanceof Error && error.name === 'WtwError';

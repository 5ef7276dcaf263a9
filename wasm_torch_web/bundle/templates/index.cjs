'use strict';

exports.load = async (options) => (await import('./index.node.js')).load(options);
exports.isWtwError = (error) => error instanceof Error && error.name === 'WtwError';

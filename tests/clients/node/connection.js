// What the client programs here share: a connection made from the command line, and the end of a run.
'use strict';

const Redis = require('ioredis');

const [port, protocol, password] = process.argv.slice(2);

/** A connection that gives up at once: a test must not wait for retries. */
exports.open = () => {
  const options = { host: '127.0.0.1', port: Number(port), password, retryStrategy: null, maxRetriesPerRequest: 0 };
  if (protocol !== 'default') {
    options.protocol = Number(protocol);
  }
  const redis = new Redis(options);
  redis.on('error', (error) => {
    console.error(error);
    process.exit(1);
  });
  return redis;
};

/** Runs the steps in order, names each on standard output, and closes the connection. */
exports.finish = async (redis, steps) => {
  for (const step of steps) {
    await step();
    console.log(step.name);
  }
  await redis.quit();
};

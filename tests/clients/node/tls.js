// ioredis over TLS: rediss:// as applications write it, pipelines, large values, messages, and bad certificates.
// Usage: node tls.js PORT CA [CERT KEY]
'use strict';

const assert = require('node:assert/strict');
const fs = require('node:fs');
const Redis = require('ioredis');
const { finish } = require('./connection.js');

const [port, ca, cert, key] = process.argv.slice(2);
const url = `rediss://127.0.0.1:${port}/0`;
const files = { ca: fs.readFileSync(ca), cert: cert && fs.readFileSync(cert), key: key && fs.readFileSync(key) };
const once = { retryStrategy: null, maxRetriesPerRequest: 0 };

const open = (tls = files) => new Redis(url, { ...once, tls });
const redis = open();

async function everyday() {
  assert.equal(await redis.set('k', 'v', 'EX', 100), 'OK');
  assert.equal(await redis.get('k'), 'v');
  assert.equal(redis.stream.encrypted, true);
}

async function largeValuesAndPipelines() {
  const value = Buffer.from(Array.from({ length: 5000000 }, (_, i) => (i * 7) % 251));
  await redis.set('large', value);
  assert.ok((await redis.getBuffer('large')).equals(value));
  const pipeline = redis.pipeline();
  for (let i = 0; i < 20000; i += 1) {
    pipeline.set(`p:${i}`, i).get(`p:${i}`);
  }
  const results = await pipeline.exec();
  assert.ok(results.every(([error], i) => error === null && (i % 2 === 0 || results[i][1] === String((i - 1) / 2))));
}

async function messages() {
  const subscriber = open();
  const got = [];
  const all = new Promise((resolve) => {
    subscriber.on('message', (_, text) => (got.push(text), got.length === 500 && resolve()));
  });
  await subscriber.subscribe('channel');
  for (let i = 0; i < 500; i += 1) {
    await redis.publish('channel', `${i}`);
  }
  await all;
  assert.deepEqual(got, Array.from({ length: 500 }, (_, i) => `${i}`));
  await subscriber.quit();
}

async function blocking() {
  const other = open();
  const popped = other.blpop('queue', 10);
  while (!/cmd=blpop/.test(await redis.client('LIST'))) {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  await redis.rpush('queue', 'job');
  assert.deepEqual(await popped, ['queue', 'job']);
  await other.quit();
}

async function strangers() {
  const stranger = open({});
  stranger.on('error', () => {});
  await assert.rejects(stranger.ping());
  stranger.disconnect();
}

redis.on('error', (error) => {
  console.error(error);
  process.exit(1);
});
finish(redis, [everyday, largeValuesAndPipelines, messages, blocking, strangers]);

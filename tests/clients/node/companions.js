// Packages that applications put on top of a client: node-redis, and with it or ioredis locks (redlock), sessions
// (connect-redis) and rate limits (rate-limiter-flexible). Usage: as seed002.js.
'use strict';

const assert = require('node:assert/strict');
const { setTimeout: sleep } = require('node:timers/promises');
const { RedisStore } = require('connect-redis');
const { RateLimiterRedis } = require('rate-limiter-flexible');
const { WatchError, createClient, createClientPool } = require('redis');
const Redlock = require('redlock');
const { finish, open } = require('./connection');

const [port, protocol, password] = process.argv.slice(2);
const RESP = protocol === 'default' ? 3 : Number(protocol);
const options = { socket: { port: Number(port), reconnectStrategy: false }, RESP, password };
const redis = open();
const node = createClient(options).on('error', (error) => {
  console.error(error);
  process.exit(1);
});

/** Objects of node-redis have no prototype in RESP2 and RESP3; assert compares those as well. */
const plain = (object) => JSON.parse(JSON.stringify(object));

async function nodeRedisValues() {
  await node.connect();
  assert.equal(await node.set('k', 'v', { EX: 100, NX: true }), 'OK');
  assert.equal(await node.set('k', 'w', { EX: 100, NX: true }), null);
  await node.hSet('h', { a: 1, b: 'é' });
  assert.deepEqual(plain(await node.hGetAll('h')), { a: '1', b: 'é' });
  const scored = [{ value: 'a', score: 1.5 }, { value: 'b', score: 2 ** 53 - 1 }, { value: 'c', score: Infinity }];
  await node.zAdd('z', scored);
  assert.deepEqual((await node.zRangeWithScores('z', 0, -1)).map((pair) => ({ ...pair })), scored);
  await node.xAdd('s', '*', { field: 'value' });
  await node.xGroupCreate('s', 'group', '0');
  const read = plain(await node.xReadGroup('group', 'me', { key: 's', id: '>' }, { COUNT: 10 }));
  assert.equal(read[0].messages[0].message.field, 'value');
  await node.mSet(Object.fromEntries(Array.from({ length: 500 }, (_, number) => [`scan:${number}`, '1'])));
  const found = new Set();
  for await (const keys of node.scanIterator({ MATCH: 'scan:*', COUNT: 50 })) {
    keys.forEach((key) => found.add(key));
  }
  assert.equal(found.size, 500);
  assert.equal(await node.eval('return redis.call("incrby", KEYS[1], ARGV[1])', { keys: ['e'], arguments: ['7'] }), 7);
}

async function nodeRedisConnections() {
  assert.deepEqual(await node.multi().incr('n').get('n').exec(), [1, '1']);
  const other = await node.duplicate().connect();
  await other.watch('k');
  await node.set('k', 'changed');
  await assert.rejects(other.multi().set('k', 'mine').exec(), WatchError);
  const popped = other.blPop('list', 0);
  await node.rPush('list', 'element');
  assert.deepEqual(plain(await popped), { key: 'list', element: 'element' });
  const heard = [];
  await other.subscribe('channel', (message) => heard.push(message));
  await other.pSubscribe('chan*', (message, channel) => heard.push(`${channel} ${message}`));
  await other.sSubscribe('shard', (message) => heard.push(message));
  assert.equal(await node.publish('channel', 'one'), 2);
  assert.equal(await node.sPublish('shard', 'two'), 1);
  while (heard.length < 3) {
    await sleep(10);
  }
  assert.deepEqual(heard, ['one', 'channel one', 'two']);
  await other.close();
  const pool = await createClientPool(options).connect();
  await Promise.all(Array.from({ length: 200 }, () => pool.incr('pooled')));
  assert.equal(await node.get('pooled'), '200');
  await pool.close();
}

async function locks() {
  const redlock = new Redlock([redis], { retryCount: 1000, retryDelay: 10 });
  let inside = 0;
  await Promise.all(Array.from({ length: 15 }, async () => {
    const lock = await redlock.lock('lock:order', 10_000);
    inside += 1;
    assert.equal(inside, 1);
    await lock.extend(10_000);
    inside -= 1;
    await lock.unlock();
  }));
  const impatient = new Redlock([redis], { retryCount: 0 });
  const held = await impatient.lock('lock:order', 10_000);
  await assert.rejects(impatient.lock('lock:order', 10_000), /Exceeded 0 attempts/);
  await held.unlock();
  await assert.rejects(held.unlock());
}

async function sessions() {
  const store = new RedisStore({ client: node, ttl: 100 });
  const ask = (method, ...args) => new Promise((resolve, reject) => {
    store[method](...args, (error, value) => (error ? reject(error) : resolve(value)));
  });
  await ask('set', 'a', { cookie: { originalMaxAge: 50_000 }, user: 'Zoë' });
  await ask('set', 'b', { cookie: {}, user: 2 });
  assert.equal((await ask('get', 'a')).user, 'Zoë');
  await ask('touch', 'b', { cookie: {} });
  const left = await node.ttl('sess:b');
  assert.ok(left > 90 && left <= 100, `ttl ${left}`);
  assert.equal(await ask('length'), 2);
  assert.equal((await ask('all')).length, 2);
  await ask('destroy', 'a');
  assert.ok(!(await ask('get', 'a')));
  await ask('clear');
  assert.equal(await ask('length'), 0);
}

async function rateLimits() {
  for (const [name, storeClient, useRedisPackage] of [['ioredis', redis, false], ['node-redis', node, true]]) {
    const limiter = new RateLimiterRedis({
      storeClient, useRedisPackage, keyPrefix: name, points: 5, duration: 100, blockDuration: 200,
    });
    const asked = await Promise.allSettled(Array.from({ length: 8 }, () => limiter.consume('user')));
    assert.equal(asked.filter(({ status }) => status === 'fulfilled').length, 5, name);
    const { msBeforeNext } = await limiter.get('user');
    assert.ok(msBeforeNext > 190_000 && msBeforeNext <= 200_000, `${msBeforeNext} ms`);
    await limiter.delete('user');
    assert.equal((await limiter.consume('user')).remainingPoints, 4);
    await limiter.penalty('user', 2);
    await limiter.reward('user', 1);
    assert.equal((await limiter.get('user')).consumedPoints, 2);
  }
  await node.close();
}

finish(redis, [nodeRedisValues, nodeRedisConnections, locks, sessions, rateLimits]);

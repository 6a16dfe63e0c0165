// The TypeScript of seed 002 as plain JavaScript: sections 1 (cache), 3 (rate limit), 4 (lock) and the practices
// below them, with ioredis. Usage: node seed002.js PORT PROTOCOL [PASSWORD]; PROTOCOL is 2, 3 or "default".
'use strict';

const assert = require('node:assert/strict');
const { finish, open } = require('./connection');

const redis = open();
const id = 'user_1';

async function cacheOfConversations() {
  const cacheKey = `conversations:${id}:list`;
  assert.equal(await redis.get(cacheKey), null);
  const conversations = [{ id: 'c1', title: 'Olá, São Paulo 🚀' }, { id: 'c2', title: 'línea\r\nsegunda' }];
  assert.equal(await redis.setex(cacheKey, 300, JSON.stringify(conversations)), 'OK');
  const cached = await redis.get(cacheKey);
  assert.deepEqual(JSON.parse(cached), conversations);
  const ttl = await redis.ttl(cacheKey);
  assert.ok(ttl > 290 && ttl <= 300, `ttl ${ttl}`);
}

async function rateLimit() {
  const key = `rate_limit:${id}`;
  const request = async () => {
    const current = await redis.incr(key);
    if (current === 1) {
      await redis.expire(key, 60);
    }
    if (current > 100) {
      throw new Error('Rate limit exceeded');
    }
  };
  for (let i = 0; i < 100; i += 1) {
    await request();
  }
  await assert.rejects(request, /Rate limit exceeded/);
  const ttl = await redis.ttl(key);
  assert.ok(ttl > 50 && ttl <= 60, `ttl ${ttl}`);
}

async function distributedLock() {
  const lockKey = 'lock:conversation:abc123';
  const acquire = () => redis.set(lockKey, 'locked', 'EX', 10, 'NX');
  assert.equal(await acquire(), 'OK');
  assert.equal(await acquire(), null);
  assert.equal(await redis.del(lockKey), 1);
  assert.equal(await acquire(), 'OK');
  // Of fifty who ask at once exactly one gets it.
  await redis.del(lockKey);
  const answers = await Promise.all(Array.from({ length: 50 }, acquire));
  assert.equal(answers.filter((answer) => answer === 'OK').length, 1);
}

async function locksExpire() {
  const begun = Date.now();
  assert.equal(await redis.set('lock:short', '1', 'PX', 400, 'NX'), 'OK');
  const second = await redis.set('lock:short', '1', 'PX', 400, 'NX');
  assert.ok(second === null || Date.now() - begun >= 400, 'it was given twice');
  await new Promise((resolve) => setTimeout(resolve, 600));
  assert.equal(await redis.set('lock:short', '1', 'PX', 400, 'NX'), 'OK');
}

async function prefixesAndPipeline() {
  await redis.set('cache:conversations:user_1', 'data');
  await redis.set('session:conversation:abc123', 'data');
  await redis.set('lock:conversation:abc123', '1');
  const pipeline = redis.pipeline();
  pipeline.set('key1', 'val1');
  pipeline.set('key2', 'val2');
  pipeline.set('key3', 'val3');
  pipeline.incr('key1');
  pipeline.mget('key1', 'key2', 'key3', 'none');
  const results = await pipeline.exec();
  assert.deepEqual(results.slice(0, 3), [[null, 'OK'], [null, 'OK'], [null, 'OK']]);
  assert.match(results[3][0].message, /^ERR value is not an integer or out of range$/);
  assert.deepEqual(results[4], [null, ['val1', 'val2', 'val3', null]]);
}

async function hitRate() {
  await redis.mset('cache_hits', 80, 'cache_misses', 20);
  const hits = Number(await redis.get('cache_hits')) || 0;
  const misses = Number(await redis.get('cache_misses')) || 0;
  assert.equal(hits / (hits + misses), 0.8);
}

async function bytesAndStreams() {
  const value = Buffer.from(Array.from({ length: 70000 }, (_, i) => i % 256));
  await redis.set('bytes', value);
  assert.ok((await redis.getBuffer('bytes')).equals(value));
  const names = Array.from({ length: 500 }, (_, i) => `scan:${i}`);
  await redis.mset(...names.flatMap((name) => [name, '1']));
  const found = new Set();
  for await (const keys of redis.scanStream({ match: 'scan:*', count: 50 })) {
    keys.forEach((key) => found.add(key));
  }
  assert.equal(found.size, 500);
}

async function anotherConnection() {
  const other = redis.duplicate({ db: 5, connectionName: 'other' });
  assert.equal(await other.dbsize(), 0);
  assert.equal(await other.client('GETNAME'), 'other');
  // ioredis tells its name without waiting for an answer, maybe after the first commands.
  const told = / name=other .*db=5 .*lib-name=ioredis/;
  for (let tries = 0; tries < 1000 && !told.test(await redis.client('LIST')); tries += 1) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  assert.match(await redis.client('LIST'), told);
  await other.quit();
}

finish(redis, [
  cacheOfConversations, rateLimit, distributedLock, locksExpire, prefixesAndPipeline, hitRate, bytesAndStreams,
  anotherConnection,
]);

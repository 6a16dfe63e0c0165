// What applications do with ioredis beyond values: keyspace events, messages, scripts, blocking pops over a lost
// connection, optimistic transactions, consumer groups. Usage: as seed002.js.
'use strict';

const assert = require('node:assert/strict');
const { once } = require('node:events');
const { setTimeout: sleep } = require('node:timers/promises');
const { finish, open } = require('./connection');

const redis = open();
const reconnecting = { retryStrategy: () => 20, maxRetriesPerRequest: null };

async function expiredEvents() {
  await redis.config('SET', 'notify-keyspace-events', 'Ex');
  const subscriber = redis.duplicate();
  const heard = [];
  await subscriber.subscribe('__keyevent@0__:expired');
  subscriber.on('message', (_, key) => heard.push([key, Date.now()]));
  const begun = Date.now();
  for (let number = 0; number < 100; number += 1) {
    await redis.set(`brief:${number}`, 'x', 'PX', 50 + number * 5);
  }
  while (heard.length < 100) {
    await sleep(10);
  }
  const numbers = heard.map(([key, at]) => {
    const number = Number(key.split(':')[1]);
    assert.ok(at >= begun + 50 + number * 5, `${key} expired before its time`);
    return number;
  });
  assert.equal(new Set(numbers).size, 100);
  await redis.config('SET', 'notify-keyspace-events', '');
  await subscriber.quit();
}

async function messagesAfterAReconnect() {
  const subscriber = redis.duplicate(reconnecting);
  const heard = [];
  subscriber.on('message', (channel, message) => heard.push([channel, message]));
  subscriber.on('pmessage', (pattern, channel, message) => heard.push([pattern, channel, message]));
  await subscriber.subscribe('updates', 'other');
  await subscriber.psubscribe('up*');
  await redis.client('KILL', 'TYPE', 'PUBSUB');
  while ((await redis.pubsub('NUMPAT')) === 0 || (await redis.pubsub('NUMSUB', 'updates'))[1] === 0) {
    await sleep(10);
  }
  assert.equal(await redis.publish('updates', 'é'), 2);
  while (heard.length < 2) {
    await sleep(10);
  }
  assert.deepEqual(heard, [['updates', 'é'], ['up*', 'updates', 'é']]);
  await subscriber.quit();
}

async function scripts() {
  const own = redis.duplicate();
  own.defineCommand('transfer', {
    numberOfKeys: 2,
    lua: `local left = tonumber(redis.call('GET', KEYS[1]) or 0)
          if left < tonumber(ARGV[1]) then return redis.error_reply('POOR only ' .. left) end
          redis.call('DECRBY', KEYS[1], ARGV[1])
          return {redis.call('INCRBY', KEYS[2], ARGV[1]), cjson.encode({left = left})}`,
  });
  await own.set('purse', 50);
  const transfers = Array.from({ length: 60 }, () => own.transfer('purse', 'till', 1));
  const results = await Promise.allSettled(transfers);
  assert.equal(results.filter(({ status }) => status === 'fulfilled').length, 50);
  assert.match(results.at(-1).reason.message, /^POOR only 0/);
  assert.deepEqual(results[0].value, [1, '{"left":50}']);
  await redis.script('FLUSH');
  await own.set('purse', 1);
  assert.deepEqual(await own.transfer('purse', 'till', 1), [51, '{"left":1}']);
  await own.quit();
}

async function aBlockingPopOutlivesItsConnection() {
  const waiting = redis.duplicate({ ...reconnecting, connectionName: 'waiting' });
  const popped = waiting.blpop('jobs', 0);
  const found = async () => / name=waiting .* cmd=blpop /.test(await redis.client('LIST'));
  while (!(await found())) {
    await sleep(10);
  }
  const closed = once(waiting, 'close');
  await redis.client('KILL', 'TYPE', 'NORMAL', 'SKIPME', 'YES');
  await closed;
  while (!(await found())) {
    await sleep(10);
  }
  await redis.rpush('jobs', 'first', 'second');
  assert.deepEqual(await popped, ['jobs', 'first']);
  assert.deepEqual(await redis.lrange('jobs', 0, -1), ['second']);
  await waiting.quit();
}

async function optimisticTransactions() {
  let retries = 0;
  await Promise.all(Array.from({ length: 5 }, async () => {
    const own = redis.duplicate();
    for (let done = 0; done < 20;) {
      await own.watch('balance');
      const balance = Number(await own.get('balance'));
      const result = await own.multi().set('balance', balance + 1).rpush('ledger', balance).exec();
      if (result === null) {
        retries += 1;
      } else {
        done += 1;
      }
    }
    await own.quit();
  }));
  assert.equal(await redis.get('balance'), '100');
  assert.deepEqual(await redis.lrange('ledger', 0, -1), Array.from({ length: 100 }, (_, number) => String(number)));
  assert.ok(retries > 0, 'nobody came between');
}

async function automaticPipelines() {
  const own = redis.duplicate({ enableAutoPipelining: true });
  await Promise.all(Array.from({ length: 1000 }, (_, number) => own.set(`auto:${number}`, number)));
  const values = await Promise.all(Array.from({ length: 1000 }, (_, number) => own.get(`auto:${number}`)));
  assert.deepEqual(values, Array.from({ length: 1000 }, (_, number) => String(number)));
  await own.quit();
}

async function consumerGroups() {
  await redis.xgroup('CREATE', 'stream', 'group', '$', 'MKSTREAM');
  const seen = [];
  const consumers = ['ann', 'bob', 'eve'].map(async (name) => {
    const own = redis.duplicate();
    while (seen.length < 300) {
      const batch = await own.xreadgroup('GROUP', 'group', name, 'COUNT', 7, 'BLOCK', 100, 'STREAMS', 'stream', '>');
      // A list of pairs in RESP2, a map in RESP3.
      const streams = Array.isArray(batch) ? Object.fromEntries(batch) : batch ?? {};
      for (const [id, [, number]] of streams.stream ?? []) {
        seen.push(Number(number));
        assert.equal(await own.xack('stream', 'group', id), 1);
      }
    }
    await own.quit();
  });
  for (let number = 0; number < 300; number += 1) {
    await redis.xadd('stream', 'MAXLEN', '~', 10_000, '*', 'number', number);
  }
  await Promise.all(consumers);
  assert.deepEqual(seen.sort((left, right) => left - right), Array.from({ length: 300 }, (_, number) => number));
  assert.equal((await redis.xpending('stream', 'group'))[0], 0);
}

finish(redis, [
  expiredEvents, messagesAfterAReconnect, scripts, aBlockingPopOutlivesItsConnection, optimisticTransactions,
  automaticPipelines, consumerGroups,
]);

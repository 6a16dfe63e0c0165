// What stands around the server in the seeds' runbooks: the application's own commands and processes.
// Usage: node runbook.js ACTION URL [ARGUMENT]. Those that go on until they are ended print a line for each event.
'use strict';

const assert = require('node:assert/strict');
const { readFileSync } = require('node:fs');
const Redis = require('ioredis');
const { Queue, Worker } = require('bullmq');

const [action, url, argument] = process.argv.slice(2);

/** Of a process that outlives its server. */
const reconnecting = { retryStrategy: () => 50, maxRetriesPerRequest: null };
const quietly = (emitter) => emitter.on('error', () => {});

/** The queue `bundle:render` of seed 001, with something done to it. */
async function onQueue(work) {
  const connection = new Redis(url, { maxRetriesPerRequest: null });
  const queue = new Queue('render', { prefix: 'bull:bundle', connection });
  console.log(await work(queue));
  await queue.close();
  await connection.quit();
}

const plain = (count, opts) => Array.from({ length: count }, (_, number) => ({ name: 'plain', data: { number }, opts }));

const actions = {
  fill: () => onQueue(async (queue) => {
    await queue.addBulk([...plain(8), ...plain(3, { delay: 3_600_000 })]);
    return 'filled';
  }),

  'queue:promote': () => onQueue(async (queue) => {
    const before = await queue.getDelayedCount();
    await queue.promoteJobs();
    return `promoted ${before - (await queue.getDelayedCount())}`;
  }),

  'queue:drain': () => onQueue(async (queue) => {
    await queue.drain(true);
    return `left ${await queue.count()}`;
  }),

  /** One job from end to end, nothing kept. */
  'bundle:launch': () => onQueue(async (queue) => {
    const connection = new Redis(url, { maxRetriesPerRequest: null });
    const done = new Promise((resolve) => {
      const worker = new Worker('render', async () => 'rendered', { prefix: 'bull:bundle', connection });
      worker.on('completed', async (job, result) => {
        await worker.close();
        resolve(result);
      });
    });
    await queue.add('launch', {}, { removeOnComplete: true });
    const result = await done;
    await connection.quit();
    return result;
  }),

  /** A worker that tells when it has its server, and what it does. */
  worker: () => {
    const connection = quietly(new Redis(url, reconnecting));
    const worker = quietly(new Worker('render', async () => {}, { prefix: 'bull:bundle', connection }));
    let lost = false;
    connection.on('close', () => { lost = true; });
    connection.on('ready', () => console.log(lost ? 'Queue connection restored' : 'Queue connection made'));
    worker.on('completed', (job) => console.log(`completed ${job.name}`));
  },

  add: () => onQueue(async (queue) => (await queue.add(argument, {})).name),

  /** A consumer of a channel's events. */
  consumer: async () => {
    const redis = quietly(new Redis(url, reconnecting));
    redis.on('message', (channel, message) => console.log(`${channel} ${message}`));
    await redis.subscribe(argument);
    console.log('subscribed');
  },

  /** Seed 002, "Conectar com Senha": the password of a secret's file. */
  secret: async () => {
    const password = readFileSync(argument, 'utf8').trim();
    const redis = new Redis({ host: 'redis', port: 6379, password, retryStrategy: (times) => Math.min(times * 50, 2000) });
    console.log(await redis.ping());
    await redis.quit();
  },

  /** Seed 002, cases 2 and 5: a session in a hash, and events between processes. */
  session: async () => {
    const redis = new Redis(url);
    const started = Date.now();
    const session = { speaker_id: 'user_1', started_at: started, last_activity: started, state: 'waiting_for_llm' };
    await redis.hset('session:abc123', session);
    await redis.expire('session:abc123', 300);
    const read = await redis.hgetall('session:abc123');
    assert.deepEqual(read, { ...session, started_at: String(started), last_activity: String(started) });

    const subscriber = redis.duplicate();
    await subscriber.subscribe('conversation:updates');
    const heard = new Promise((resolve) => subscriber.on('message', (channel, message) => resolve([channel, JSON.parse(message)])));
    const event = { conversation_id: 'uuid', event: 'message_received', data: { text: 'olá' } };
    await redis.publish('conversation:updates', JSON.stringify(event));
    assert.deepEqual(await heard, ['conversation:updates', event]);
    await subscriber.quit();
    await redis.quit();
    console.log('session kept, event heard');
  },
};

actions[action]();

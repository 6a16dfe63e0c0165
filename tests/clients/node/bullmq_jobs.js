// 5,000 BullMQ jobs of every kind at once on two workers: each completes exactly once, none starts before its time,
// and the events of each arrive in order. Usage: node bullmq_jobs.js PORT PROTOCOL [PASSWORD], as seed002.js.
'use strict';

const assert = require('node:assert/strict');
const { setTimeout: sleep } = require('node:timers/promises');
const { finish, open } = require('./connection');
const { Ledger, closeShop, flows, queue, until, worker } = require('./bullmq_shop');

const PLAIN = 2500;
const DELAYED = 600;
const PRIORITIZED = 600;
const RETRIED = 300;
const FAMILIES = 100; // of a parent and five children each
const LIMITED = 300;
const SCHEDULERS = 10; // of ten runs each
const WINDOW = { max: 50, duration: 200 };
const NOT_YET = 'a failure that the job is to recover from';

const redis = open();
// More events than the default keeps: the listeners may fall behind, and have to see every one.
const keepEvents = { streams: { events: { maxLen: 100_000 } } };
const mail = queue('mail', keepEvents);
const parts = queue('parts', keepEvents);
const limited = queue('limited', keepEvents);
const clock = queue('clock', keepEvents);
const ledgers = {};
/** Queue and job id to the number of times it ran to its end. */
const done = new Map();
/** Jobs that each worker has finished. */
const shares = {};
let firstOfLimited;

function finished(who, job) {
  const key = `${job.queueName} ${job.id}`;
  done.set(key, (done.get(key) ?? 0) + 1);
  shares[who] = (shares[who] ?? 0) + 1;
}

const KINDS = {
  plain: (job) => job.data.number * 2,
  delayed: (job) => assert.ok(Date.now() >= job.timestamp + job.data.wait, `job ${job.id} ran before its time`),
  prioritized: (job) => job.priority,
  retried: (job) => {
    if (job.data.failedAt) {
      assert.ok(Date.now() >= job.data.failedAt + job.data.backoff, `job ${job.id} was retried before its time`);
    }
    if (job.attemptsMade < job.data.failures) {
      const backoff = job.opts.backoff.delay * (job.opts.backoff.type === 'fixed' ? 1 : 2 ** job.attemptsMade);
      return job.updateData({ ...job.data, failedAt: Date.now(), backoff }).then(() => {
        throw new Error(NOT_YET);
      });
    }
    return assert.equal(job.attemptsMade, job.data.failures);
  },
  parent: async (job) => {
    const values = Object.values(await job.getChildrenValues());
    assert.deepEqual(values.sort(), [0, 1, 2, 3, 4].map((part) => job.data.family * 10 + part));
  },
  child: (job) => job.data.family * 10 + job.data.part,
  limited: (job) => job.data,
  tick: (job) => {
    const due = Number(job.id.split(':').at(-1));
    assert.ok(Date.now() >= due, `${job.id} ran before its time`);
  },
};

function hire(name, who, options) {
  const hired = worker(name, async (job) => {
    const result = await KINDS[job.name](job);
    finished(who, job);
    return result;
  }, { concurrency: 20, name: who, ...options });
  hired.on('failed', (job, error) => {
    if (error.message !== NOT_YET) {
      console.error(job, error);
      process.exit(1);
    }
  });
}

const each = (count, make) => Array.from({ length: count }, (_, number) => make(number));

async function addAll(target, jobs) {
  for (let at = 0; at < jobs.length; at += 250) {
    await target.addBulk(jobs.slice(at, at + 250));
  }
}

async function fiveThousandAreAdded() {
  for (const name of ['mail', 'parts', 'limited', 'clock']) {
    ledgers[name] = await Ledger.of(name);
  }
  await mail.pause();
  const singles = each(100, (number) => mail.add('plain', { number }));
  await Promise.all(singles);
  await addAll(mail, each(PLAIN - 100, (number) => ({ name: 'plain', data: { number } })));
  await addAll(mail, each(PRIORITIZED, (number) => ({
    name: 'prioritized', data: { number }, opts: { priority: 1 + (number % 10) },
  })));
  await addAll(mail, each(DELAYED, (number) => {
    const wait = 1000 + number * 5;
    return { name: 'delayed', data: { wait }, opts: { delay: wait } };
  }));
  await addAll(mail, each(RETRIED, (number) => {
    const backoff = { type: number % 3 === 0 ? 'exponential' : 'fixed', delay: 60 };
    return { name: 'retried', data: { failures: 1 + (number % 2) }, opts: { attempts: 3, backoff } };
  }));
  await flows().addBulk(each(FAMILIES, (family) => ({
    name: 'parent',
    queueName: 'mail',
    data: { family },
    children: each(5, (part) => ({ name: 'child', queueName: 'parts', data: { family, part } })),
  })));
  await addAll(limited, each(LIMITED, (number) => ({ name: 'limited', data: { number } })));
  const counts = await mail.getJobCounts();
  // Delayed jobs whose time comes are still in the delayed set: no worker is there to move them.
  assert.equal(counts.waiting, PLAIN + RETRIED);
  assert.equal(counts.delayed, DELAYED);
  assert.equal(counts.prioritized, PRIORITIZED);
  assert.equal(counts['waiting-children'], FAMILIES);
  assert.equal((await parts.getJobCounts()).waiting, FAMILIES * 5);
}

async function aPausedQueueRests() {
  hire('mail', 'ann');
  hire('mail', 'bob');
  await sleep(200);
  assert.equal(done.size, 0);
  assert.ok(await mail.isPaused());
  await mail.resume();
  await until('1,000 jobs', () => done.size >= 1000);
  await mail.pause();
  await until('the active jobs end', async () => (await mail.getActiveCount()) === 0);
  const before = done.size;
  await sleep(200);
  assert.equal(done.size, before);
  await mail.resume();
}

async function theOtherQueuesRun() {
  firstOfLimited = Date.now();
  hire('parts', 'eve');
  hire('limited', 'dan', { limiter: WINDOW });
  hire('clock', 'kim');
  for (let number = 0; number < SCHEDULERS; number += 1) {
    await clock.upsertJobScheduler(`every-${number}`, { every: 100 + number, limit: 10 }, { name: 'tick' });
  }
}

async function allComplete() {
  await ledgers.mail.completed(PLAIN + DELAYED + PRIORITIZED + RETRIED + FAMILIES);
  await ledgers.parts.completed(FAMILIES * 5);
  await ledgers.clock.completed(SCHEDULERS * 10);
}

async function theLimitHolds() {
  await ledgers.limited.completed(LIMITED);
  const windows = LIMITED / WINDOW.max;
  const took = Date.now() - firstOfLimited;
  assert.ok(took >= (windows - 1) * WINDOW.duration, `${LIMITED} jobs in ${took} ms`);
}

async function eachExactlyOnce() {
  assert.equal(done.size, 5000);
  assert.deepEqual([...done].filter(([, runs]) => runs !== 1), []);
  for (const [name, completed] of [['mail', 4100], ['parts', 500], ['limited', 300], ['clock', 100]]) {
    const target = { mail, parts, limited, clock }[name];
    const counts = await target.getJobCounts();
    const rest = Object.entries(counts).filter(([state, count]) => state !== 'completed' && count !== 0);
    assert.deepEqual(rest, [], name);
    assert.equal(counts.completed, completed, name);
    assert.equal(ledgers[name].histories.size, completed, name);
  }
  assert.ok(shares.ann > 0 && shares.bob > 0, JSON.stringify(shares));
}

async function theHistoriesAreWhole() {
  const lengths = new Map();
  for (const history of ledgers.mail.histories.values()) {
    const story = history.join(' ');
    lengths.set(story, (lengths.get(story) ?? 0) + 1);
  }
  const retry = 'delayed waiting active';
  assert.deepEqual(Object.fromEntries(lengths), {
    'added waiting active completed': PLAIN + PRIORITIZED,
    'added delayed waiting active completed': DELAYED,
    [`added waiting active ${retry} completed`]: RETRIED / 2,
    [`added waiting active ${retry} ${retry} completed`]: RETRIED / 2,
    'added waiting-children waiting active completed': FAMILIES,
  });
}

async function nothingIsLeft() {
  await closeShop();
  for (const name of ['mail', 'parts', 'limited', 'clock']) {
    const target = queue(name);
    await target.obliterate();
  }
  await closeShop();
  // The key that counts the jobs of a window ends with the window.
  await until('every key has gone', async () => (await redis.dbsize()) === 0);
}

finish(redis, [
  fiveThousandAreAdded, aPausedQueueRests, theOtherQueuesRun, allComplete, theLimitHolds, eachExactlyOnce,
  theHistoriesAreWhole, nothingIsLeft,
]);

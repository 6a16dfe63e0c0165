// How BullMQ's queues are looked after: limits, schedulers, counts and metrics, what is kept, clean, drain, obliterate,
// and relays. The jobs of the last step stay behind for redis-cli.
// Usage: as seed002.js.
'use strict';

const assert = require('node:assert/strict');
const { setTimeout: sleep } = require('node:timers/promises');
const { QueueEventsProducer, RateLimitError, Relay } = require('bullmq');
const { finish, open } = require('./connection');
const { Ledger, closeShop, connection, queue, until, worker } = require('./bullmq_shop');

const HOUR = 3_600_000;
const redis = open();

const each = (count, make) => Array.from({ length: count }, (_, number) => make(number));
const plain = (count, opts) => each(count, (number) => ({ name: 'plain', data: { number }, opts }));

async function limitsOfAQueue() {
  const target = queue('limits');
  const ledger = await Ledger.of('limits');
  await target.setGlobalConcurrency(3);
  assert.equal(await target.getGlobalConcurrency(), 3);
  let running = 0;
  let most = 0;
  const processor = async () => {
    running += 1;
    most = Math.max(most, running);
    await sleep(5);
    running -= 1;
  };
  const hired = each(2, () => worker('limits', processor, { concurrency: 20 }));
  await target.addBulk(plain(60));
  await ledger.completed(60);
  assert.ok(most <= 3, `${most} at once`);
  await Promise.all(hired.map((one) => one.close()));
  await target.removeGlobalConcurrency();

  let refused = 0;
  const begun = Date.now();
  worker('limits', async () => {
    if (refused < 2) {
      refused += 1;
      await target.rateLimit(150);
      throw new RateLimitError();
    }
  });
  await target.addBulk(plain(2));
  await ledger.completed(62);
  assert.ok(Date.now() - begun >= 300, 'the rate limit held nobody back');
  await target.setGlobalRateLimit(10, HOUR);
  assert.deepEqual(await target.getGlobalRateLimit(), { max: 10, duration: HOUR });
  assert.equal(await target.getRateLimitTtl(), 0);
}

async function schedulers() {
  const target = queue('schedulers');
  await target.upsertJobScheduler('hourly', { every: HOUR }, { name: 'a', data: { version: 1 } });
  await target.upsertJobScheduler('nightly', { pattern: '0 0 3 * * *', tz: 'Europe/Berlin' }, { name: 'b' });
  await target.upsertJobScheduler('secondly', { pattern: '* * * * * *', limit: 2 }, { name: 'c' });
  assert.equal(await target.getJobSchedulersCount(), 3);
  const ran = [];
  const one = worker('schedulers', (job) => ran.push([job.name, Number(job.id.split(':').at(-1)), Date.now()]));
  await until('two seconds', () => ran.filter(([name]) => name === 'c').length === 2);
  for (const [name, due, now] of ran) {
    assert.ok(now >= due, `${name} ran before its time`);
  }
  await until('the hourly job', () => ran.some(([name]) => name === 'a'));
  await one.close();
  await target.upsertJobScheduler('hourly', { every: 2 * HOUR }, { name: 'a', data: { version: 2 } });
  const hourly = await target.getJobScheduler('hourly');
  assert.deepEqual([hourly.every, hourly.template.data], [2 * HOUR, { version: 2 }]);
  const listed = await target.getJobSchedulers(0, -1, true);
  const next = listed.map((scheduler) => scheduler.next);
  assert.deepEqual(next, [...next].sort((left, right) => left - right));
  assert.equal(await target.removeJobScheduler('nightly'), true);
  assert.equal(await target.removeJobScheduler('nightly'), false);
  assert.equal(await target.removeJobScheduler('hourly'), true);
  assert.equal(await target.getDelayedCount(), 0);
}

async function countsMetricsAndClients() {
  const target = queue('counts');
  const ledger = await Ledger.of('counts');
  await target.addBulk([...plain(10), ...plain(5, { priority: 3 }), ...plain(4, { delay: HOUR })]);
  const one = worker('counts', (job) => assert.ok(job.data.number !== 7, 'seven'), {
    name: 'counter-1', metrics: { maxDataPoints: 60 },
  });
  await ledger.completed(14);
  await until('the failed one', () => ledger.count.failed === 1);
  assert.deepEqual(await target.getJobCounts('completed', 'failed', 'delayed', 'prioritized', 'wait'), {
    completed: 14, failed: 1, delayed: 4, prioritized: 0, wait: 0,
  });
  assert.equal((await target.getMetrics('completed')).meta.count, 14);
  assert.equal((await target.getMetrics('failed')).meta.count, 1);
  const text = await target.exportPrometheusMetrics();
  assert.match(text, /^bullmq_job_count\{queue="counts", state="delayed"\} 4$/m);
  const workers = await target.getWorkers();
  assert.deepEqual(workers.map((client) => client.rawname), [`bull:${btoa('counts')}:w:counter-1`]);
  assert.ok(Number(workers[0].age) >= 0 && workers[0].addr.startsWith('127.0.0.1:'));
  assert.equal((await target.getQueueEvents()).length, 1);
  const producer = new QueueEventsProducer('counts', { connection });
  const heard = [];
  ledger.events.on('of our own', (args) => heard.push(args));
  await producer.publishEvent({ eventName: 'of our own', number: 1 });
  await until('our own event', () => heard.length === 1);
  assert.equal(heard[0].number, '1');
  await producer.close();
  await one.close();
}

async function oldJobsGo() {
  const target = queue('kept');
  const ledger = await Ledger.of('kept');
  const one = worker('kept', (job) => assert.ok(job.data.number % 2, 'even'));
  await target.addBulk(plain(100, { removeOnComplete: 10, removeOnFail: { count: 5 } }));
  await until('all ended', () => ledger.count.completed === 50 && ledger.count.failed === 50);
  const [completed, failed] = [await target.getCompleted(), await target.getFailed()];
  // Jobs that end in the same millisecond stand in the order of their ids' texts.
  const newest = (jobs) => jobs.map((job) => job.data.number).sort((a, b) => b - a);
  assert.deepEqual(newest(completed), each(10, (number) => 99 - 2 * number));
  assert.deepEqual(newest(failed), each(5, (number) => 98 - 2 * number));
  assert.equal((await redis.keys('bull:kept:*')).filter((key) => /:\d+$/.test(key)).length, 15);
  await one.close();
  const events = await redis.xlen('bull:kept:events');
  assert.ok(events >= 400, `${events} events`);
  assert.equal(await target.trimEvents(0), events);
}

async function cleanDrainObliterate() {
  const target = queue('cleaned');
  const ledger = await Ledger.of('cleaned');
  const one = worker('cleaned', () => 'done');
  await target.addBulk(plain(30));
  await ledger.completed(30);
  await one.close();
  assert.deepEqual(await target.clean(HOUR, 100, 'completed'), []);
  assert.equal((await target.clean(0, 12, 'completed')).length, 12);
  assert.equal(await target.getCompletedCount(), 18);
  await target.addBulk([...plain(7), ...plain(5, { delay: HOUR }), ...plain(3, { priority: 4 })]);
  assert.equal((await target.clean(0, 2, 'wait')).length, 2);
  assert.equal((await target.clean(0, 2, 'delayed')).length, 2);
  await target.drain();
  assert.deepEqual(await target.getJobCounts('wait', 'prioritized', 'delayed', 'completed'), {
    wait: 0, prioritized: 0, delayed: 3, completed: 18,
  });
  await target.drain(true);
  assert.equal(await target.getDelayedCount(), 0);
  await target.addBulk(plain(2500));
  await worker('cleaned', null, { autorun: false }).getNextJob('token');
  await assert.rejects(target.obliterate(), /Cannot obliterate queue with active jobs/);
  await target.obliterate({ force: true });
  assert.deepEqual(await redis.keys('bull:cleaned:*'), []);
}

async function relaysPassMessages() {
  const [left, right] = each(2, () => new Relay({ connection, blockTimeout: 200 }));
  for (const relay of [left, right]) {
    relay.on('error', assert.fail);
    await relay.waitUntilReady();
  }
  const heard = [];
  await right.subscribe('queues.*.jobs.>', (message) => heard.push([message.topic, message.data]));
  for (let number = 0; number < 50; number += 1) {
    await left.publish(`queues.mail.jobs.${number}.done`, { number });
    await left.publish(`other.${number}`, {});
  }
  await until('the messages', () => heard.length === 50);
  assert.deepEqual(heard, each(50, (number) => [`queues.mail.jobs.${number}.done`, { number }]));
  await Promise.all([left.close(), right.close()]);
}

/** The queue of seed 001's runbook, as its operators find it. */
async function aQueueForTheOperators() {
  const render = queue('render', { prefix: 'bull:bundle' });
  await render.addBulk([...plain(8), ...plain(3, { delay: HOUR })]);
  assert.deepEqual(await redis.lrange('bull:bundle:render:wait', 0, 5), ['8', '7', '6', '5', '4', '3']);
  assert.deepEqual(await redis.zrange('bull:bundle:render:delayed', 0, -1), ['9', '10', '11']);
}

finish(redis, [
  limitsOfAQueue, schedulers, countsMetricsAndClients, oldJobsGo, cleanDrainObliterate, relaysPassMessages,
  aQueueForTheOperators, closeShop,
]);

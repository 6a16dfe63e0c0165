// What BullMQ offers for a single job: order, promotion, deduplication, progress, failures, families, steps; and what
// happens to a job whose worker closes or dies. Usage: as seed002.js.
'use strict';

const assert = require('node:assert/strict');
const { once } = require('node:events');
const { fork } = require('node:child_process');
const { setTimeout: sleep } = require('node:timers/promises');
const path = require('node:path');
const { DelayedError, UnrecoverableError, WaitingChildrenError } = require('bullmq');
const { finish, open } = require('./connection');
const { Ledger, closeShop, flows, queue, until, worker } = require('./bullmq_shop');

const HOUR = 3_600_000;
const redis = open();

/** Runs all jobs that wait in `target` one after the other and returns their names in that order. */
async function namesInOrder(target) {
  const names = [];
  const one = worker(target.name, (job) => names.push(job.name));
  await until('the queue is empty', async () => {
    const { active, prioritized, waiting } = await target.getJobCounts('active', 'prioritized', 'waiting');
    return active + prioritized + waiting === 0;
  });
  await one.close();
  return names;
}

async function order() {
  const target = queue('order');
  await target.add('first', {});
  await target.add('second', {});
  await target.add('last in', {}, { lifo: true });
  for (const priority of [9, 2, 2_097_151, 1]) {
    await target.add(`priority ${priority}`, {}, { priority });
    await target.add(`priority ${priority} again`, {}, { priority });
  }
  const raised = await target.add('raised', {}, { priority: 500 });
  await raised.changePriority({ priority: 2 });
  const sorted = await target.getPrioritized();
  assert.deepEqual(sorted.map((job) => job.priority), [1, 1, 2, 2, 2, 9, 9, 2_097_151, 2_097_151]);
  assert.deepEqual(await target.getCountsPerPriority([0, 1, 2, 9]), { 0: 3, 1: 2, 2: 3, 9: 2 });
  assert.deepEqual(await namesInOrder(target), [
    'last in', 'first', 'second', 'priority 1', 'priority 1 again', 'priority 2', 'priority 2 again', 'raised',
    'priority 9', 'priority 9 again', 'priority 2097151', 'priority 2097151 again',
  ]);
}

async function promotion() {
  const target = queue('promotion');
  const hour = await target.add('in an hour', {}, { delay: HOUR });
  const day = await target.add('in a day', {}, { delay: 24 * HOUR });
  const soon = await target.add('in a moment', {}, { delay: HOUR });
  const [, score] = await redis.zrange('bull:promotion:delayed', 0, 0, 'WITHSCORES').then((rows) => rows.flat());
  assert.equal(Math.floor(Number(score) / 4096), hour.timestamp + HOUR);
  const changed = Date.now();
  await soon.changeDelay(300);
  const ran = [];
  const one = worker('promotion', (job) => ran.push([job.name, Date.now()]));
  await until('the changed delay', () => ran.length === 1);
  assert.equal(ran[0][0], 'in a moment');
  assert.ok(ran[0][1] >= changed + 300, 'it ran before its time');
  await hour.promote();
  await until('the promoted job', () => ran.length === 2);
  await target.promoteJobs();
  await until('all', () => ran.length === 3);
  await until('the last one is completed', async () => (await day.getState()) === 'completed');
  await one.close();
}

async function deduplication() {
  const target = queue('dedup');
  const deduplication = { id: 'customer1', ttl: HOUR };
  const first = await target.add('mail', { number: 1 }, { deduplication });
  const second = await target.add('mail', { number: 2 }, { deduplication });
  assert.equal(second.id, first.id);
  assert.equal(await target.getDeduplicationJobId('customer1'), first.id);
  const brief = { deduplication: { id: 'customer2', ttl: 100 } };
  const third = await target.add('mail', { number: 3 }, brief);
  await until('the memory of it ends', async () => !(await target.getDeduplicationJobId('customer2')));
  assert.notEqual((await target.add('mail', { number: 3 }, brief)).id, third.id);
  const debounced = { deduplication: { id: 'two', ttl: HOUR, extend: true, replace: true }, delay: HOUR };
  await target.add('mail', { number: 4 }, debounced);
  const last = await target.add('mail', { number: 5 }, debounced);
  const delayed = await target.getDelayed();
  assert.deepEqual(delayed.map((job) => [job.id, job.data.number]), [[last.id, 5]]);
  assert.equal(await target.removeDeduplicationKey('two'), 1);
  const own = await target.add('mail', {}, { jobId: 'invoice-1' });
  await target.add('mail', { other: true }, { jobId: 'invoice-1' });
  assert.deepEqual((await target.getJob(own.id)).data, {});
}

async function progressLogsResults() {
  const target = queue('progress');
  const ledger = await Ledger.of('progress');
  const heard = [];
  ledger.events.on('progress', ({ data }) => heard.push(data));
  const job = await target.add('résumé 🚀', { text: 'línea\r\nsegunda\0', list: [], nothing: null, deep: [[{}]] });
  worker('progress', async (active) => {
    for (let part = 1; part <= 5; part += 1) {
      await active.updateProgress({ part, of: 5 });
      await active.log(`part ${part}`);
    }
    await active.updateData({ ...active.data, more: 1.5 });
    return { big: 2 ** 53 - 1, small: -0.1, data: active.data, bytes: 'x'.repeat(100_000) };
  });
  const result = await job.waitUntilFinished(ledger.events, 60_000);
  assert.equal(result.big, Number.MAX_SAFE_INTEGER);
  assert.equal(result.bytes.length, 100_000);
  assert.deepEqual(result.data, { ...job.data, more: 1.5 });
  assert.deepEqual(heard, [1, 2, 3, 4, 5].map((part) => ({ part, of: 5 })));
  assert.deepEqual(await target.getJobLogs(job.id), { logs: [1, 2, 3, 4, 5].map((n) => `part ${n}`), count: 5 });
  await job.clearLogs(2);
  assert.deepEqual((await target.getJobLogs(job.id)).logs, ['part 4', 'part 5']);
  const kept = await target.getJob(job.id);
  assert.deepEqual([kept.name, kept.returnvalue, kept.attemptsMade], [job.name, result, 1]);
  assert.ok(kept.timestamp <= kept.processedOn && kept.processedOn <= kept.finishedOn);
}

async function failures() {
  const target = queue('failures');
  const ledger = await Ledger.of('failures');
  let healed = false;
  const one = worker('failures', (job) => {
    if (job.name === 'hopeless') {
      throw new UnrecoverableError('no use');
    }
    assert.ok(healed, 'broken');
    return 'done';
  });
  const options = { attempts: 3, backoff: 10 };
  const jobs = await target.addBulk(['a', 'b', 'hopeless'].map((name) => ({ name, data: {}, opts: options })));
  await until('three failures', () => ledger.count.failed === 3);
  const [a, b, hopeless] = await Promise.all(jobs.map((job) => target.getJob(job.id)));
  assert.deepEqual([a.attemptsMade, a.failedReason, a.stacktrace.length], [3, 'broken', 3]);
  assert.deepEqual([hopeless.attemptsMade, hopeless.failedReason], [1, 'no use']);
  assert.equal(await target.getFailedCount(), 3);
  healed = true;
  await hopeless.remove();
  await a.retry();
  await ledger.completed(1);
  await target.retryJobs({ count: 100 });
  await ledger.completed(2);
  assert.equal(await b.getState(), 'completed');
  assert.equal(await target.getFailedCount(), 0);
  await one.close();
}

async function families() {
  const producer = flows();
  const parents = queue('parents');
  const children = queue('children');
  worker('children', (job) => {
    assert.ok(!job.data.fails, 'sick');
    return job.name;
  });
  const child = (name, opts) => ({ name, queueName: 'children', data: { fails: name === 'sick' }, opts });
  const tree = (name, opts) => producer.add({
    name, queueName: 'parents', data: {}, children: [child('well'), child('sick', opts)],
  });
  const fails = await tree('fails with it', { failParentOnFailure: true });
  const ignores = await tree('ignores it', { ignoreDependencyOnFailure: true });
  const forgets = await tree('forgets it', { removeDependencyOnFailure: true });
  const waits = await tree('waits for ever', {});
  const goesOn = await tree('goes on', { continueParentOnFailure: true });
  const seen = {};
  worker('parents', async (job) => {
    seen[job.name] = {
      values: Object.values(await job.getChildrenValues()),
      ignored: Object.values(await job.getIgnoredChildrenFailures()),
    };
  });
  const state = (node, expected) => until(`${node.job.name}: ${expected}`, async () => {
    const now = await node.job.getState();
    return now === expected;
  });
  await state(fails, 'failed');
  await state(ignores, 'completed');
  await state(forgets, 'completed');
  await state(goesOn, 'completed');
  await until('all sick children failed', async () => (await children.getFailedCount()) === 5);
  assert.equal((await waits.job.getDependenciesCount()).unprocessed, 1);
  assert.equal(await waits.job.getState(), 'waiting-children');
  assert.deepEqual(seen['ignores it'], { values: ['well'], ignored: ['sick'] });
  assert.deepEqual(seen['forgets it'], { values: ['well'], ignored: [] });
  assert.equal(seen['waits for ever'], undefined);
  const deep = await producer.add({
    name: 'root', queueName: 'parents', data: {},
    children: [{ name: 'middle', queueName: 'parents', data: {}, children: [child('leaf')] }],
  });
  await state(deep, 'completed');
  const found = await producer.getFlow({ id: deep.job.id, queueName: 'parents' });
  assert.equal(found.children[0].children[0].job.name, 'leaf');
  await waits.job.remove();
  assert.equal(await parents.getJobCountByTypes('waiting-children'), 0);
}

async function stepsInOneJob() {
  const target = queue('steps');
  const ledger = await Ledger.of('steps');
  worker('substeps', (job) => job.name);
  worker('steps', async (job, token) => {
    const { step = 'begin' } = job.data;
    if (step === 'begin') {
      await job.updateData({ step: 'later', due: Date.now() + 200 });
      await job.moveToDelayed(job.data.due, token);
      throw new DelayedError();
    }
    if (step === 'later') {
      assert.ok(Date.now() >= job.data.due, 'it ran before its time');
      await queue('substeps').add('part', {}, { parent: { id: job.id, queue: job.queueQualifiedName } });
      await job.updateData({ step: 'end' });
      if (await job.moveToWaitingChildren(token)) {
        throw new WaitingChildrenError();
      }
    }
    return Object.values(await job.getChildrenValues());
  });
  const job = await target.add('long', {});
  assert.deepEqual(await job.waitUntilFinished(ledger.events, 60_000), ['part']);
  // Twice where the part was done before the job could wait for it.
  assert.ok([2, 3].includes((await target.getJob(job.id)).attemptsStarted));
}

async function workersCloseGracefully() {
  const target = queue('graceful');
  const ledger = await Ledger.of('graceful');
  const ran = [];
  const slow = (who) => async (job) => {
    await sleep(100);
    ran.push([who, job.id]);
  };
  await target.addBulk(Array.from({ length: 60 }, () => ({ name: 'slow', data: {} })));
  const leaving = worker('graceful', slow('leaving'), { concurrency: 10 });
  await until('it works', () => ran.length > 0);
  await leaving.close();
  const before = ran.length;
  assert.ok(before < 60);
  assert.equal(await target.getActiveCount(), 0);
  worker('graceful', slow('staying'), { concurrency: 20 });
  await ledger.completed(60);
  assert.equal(new Set(ran.map(([, id]) => id)).size, 60);
  assert.equal(ran.length, 60);
}

async function jobsOfADeadWorkerAreRescued() {
  const target = queue('stalled');
  const ledger = await Ledger.of('stalled');
  const victim = fork(path.join(__dirname, 'bullmq_victim.js'), process.argv.slice(2));
  await target.addBulk(Array.from({ length: 5 }, (_, number) => ({ name: 'hangs', data: { number } })));
  await until('the victim has them all', () => ledger.count.active === 5);
  victim.kill('SIGKILL');
  await once(victim, 'exit');
  assert.equal(await target.getActiveCount(), 5);
  const ran = [];
  worker('stalled', (job) => ran.push(job.data.number), { stalledInterval: 200, concurrency: 5 });
  await ledger.completed(5);
  assert.deepEqual(ran.sort(), [0, 1, 2, 3, 4]);
  assert.equal(ledger.count.stalled, 5);
  const job = (await target.getCompleted())[0];
  assert.deepEqual([job.stalledCounter, job.attemptsStarted, job.attemptsMade], [1, 2, 1]);
}

finish(redis, [
  order, promotion, deduplication, progressLogsResults, failures, families, stepsInOneJob, workersCloseGracefully,
  jobsOfADeadWorkerAreRescued, closeShop,
]);

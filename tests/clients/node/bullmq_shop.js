// What the BullMQ programs share: queues, workers and listeners that close together, and the ledger of what they saw.
'use strict';

const assert = require('node:assert/strict');
const { setTimeout: sleep } = require('node:timers/promises');
const { FlowProducer, Queue, QueueEvents, Worker } = require('bullmq');

const [port, protocol, password] = process.argv.slice(2);

/** How long anything here may take, in milliseconds: far more than it needs on a busy machine. */
const PATIENCE = 60_000;

/** The events that name a job, each with those that may follow it. The empty name stands before the first. */
const FOLLOWERS = {
  '': ['added'],
  added: ['waiting', 'delayed', 'waiting-children'],
  'waiting-children': ['waiting', 'delayed', 'failed'],
  delayed: ['waiting', 'active'],
  waiting: ['active', 'stalled'],
  active: ['completed', 'failed', 'delayed', 'waiting', 'waiting-children', 'stalled'],
  stalled: ['active', 'failed'],
  failed: ['waiting'],
  completed: [],
};

exports.connection = { host: '127.0.0.1', port: Number(port), password };
if (protocol !== 'default') {
  exports.connection.protocol = Number(protocol);
}

const open = [];

/** Keeps a BullMQ object for `closeShop`; an error that it emits ends the program. */
function keep(object) {
  object.on('error', (error) => {
    console.error(error);
    process.exit(1);
  });
  open.push(object);
  return object;
}

exports.queue = (name, options) => keep(new Queue(name, { connection: exports.connection, ...options }));
exports.flows = () => keep(new FlowProducer({ connection: exports.connection }));
exports.worker = (name, processor, options) =>
  keep(new Worker(name, processor, { connection: exports.connection, drainDelay: 1, ...options }));

/** Closes all that was opened, workers first. */
exports.closeShop = async function closeShop() {
  for (const kind of [Worker, QueueEvents, FlowProducer, Queue]) {
    await Promise.all(open.filter((object) => object instanceof kind).map((object) => object.close()));
  }
  open.length = 0;
};

/** Waits until `condition` tells something true, and returns that. */
exports.until = async (what, condition) => {
  const deadline = Date.now() + PATIENCE;
  for (;;) {
    const answer = await condition();
    if (answer) {
      return answer;
    }
    assert.ok(Date.now() < deadline, `waited in vain: ${typeof what === 'function' ? what() : what}`);
    await sleep(10);
  }
};

/** What the listener of one queue heard of each job, in the order of arrival. */
exports.Ledger = class Ledger {
  constructor(events) {
    this.events = events;
    this.histories = new Map();
    this.count = { completed: 0 };
    this.lastId = [0, 0];
    for (const name of Object.keys(FOLLOWERS).filter(Boolean)) {
      events.on(name, (args, id) => this.write(name, args.jobId, id));
    }
  }

  /** Begins to listen; events from then on are heard. */
  static async of(name, options) {
    const events = keep(new QueueEvents(name, { connection: exports.connection, lastEventId: '0-0', ...options }));
    await events.waitUntilReady();
    return new Ledger(events);
  }

  write(event, jobId, id) {
    const [ms, sequence] = id.split('-').map(Number);
    const [lastMs, lastSequence] = this.lastId;
    assert.ok(ms > lastMs || (ms === lastMs && sequence > lastSequence), `${id} comes after ${this.lastId}`);
    this.lastId = [ms, sequence];
    const history = this.histories.get(jobId) ?? [];
    const last = history.at(-1) ?? '';
    assert.ok(FOLLOWERS[last].includes(event), `job ${jobId}: ${event} after ${history}`);
    this.histories.set(jobId, [...history, event]);
    this.count[event] = (this.count[event] ?? 0) + 1;
  }

  /** Waits until the events of `count` jobs have ended in `completed`. */
  completed(count) {
    return exports.until(() => `${count} completed, at ${JSON.stringify(this.count)}`, () => {
      assert.ok(this.count.completed <= count, 'a job completed twice');
      return this.count.completed === count;
    });
  }
};

// BullMQ writes to the console what it dislikes about a server: nothing may be there.
for (const level of ['warn', 'error']) {
  const write = console[level];
  console[level] = (...args) => {
    process.exitCode = 1;
    write(...args);
  };
}

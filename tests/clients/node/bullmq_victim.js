// A BullMQ worker that takes jobs and never ends them, until bullmq_life.js kills its process.
'use strict';

const { worker } = require('./bullmq_shop');

worker('stalled', () => new Promise(() => {}), { concurrency: 5, lockDuration: 500, skipStalledCheck: true });

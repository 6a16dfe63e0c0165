// Section 2 of seed 002, sessions in hashes, with ioredis. Usage: as seed002.js.
'use strict';

const assert = require('node:assert/strict');
const { finish, open } = require('./connection');

const redis = open();

async function activeConversation() {
  const key = 'session:abc123';
  const started = Date.now();
  const fields = { speaker_id: 'user_1', started_at: started, last_activity: started, state: 'waiting_for_llm' };
  assert.equal(await redis.hset(key, fields), 4);
  assert.equal(await redis.expire(key, 300), 1);
  const session = await redis.hgetall(key);
  assert.deepEqual(session, { ...fields, started_at: String(started), last_activity: String(started) });
  assert.deepEqual(await redis.hgetall('session:none'), {});
}

finish(redis, [activeConversation]);

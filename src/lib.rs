//! Redstart: a server that speaks the protocol of Redis 7.4.
//!
//! The folders in the order in which a request meets them:
//!
//! | module | what |
//! |---|---|
//! | [`net`] | listeners and the task of each connection: the only sockets of clients |
//! | [`resp`] | bytes to requests and replies to bytes, RESP2 and RESP3; pure |
//! | [`client`] | what the server knows of a connection; the registry of all; who is blocked |
//! | [`dispatch`] | the one road every command takes: look up, admit, lock, execute, hand over effects |
//! | [`command`] | the vocabulary: spec rows, flags, key specs, argument cursor, error texts |
//! | [`commands`] | the catalog: a file or folder per family, each handler next to its row |
//! | [`types`] | the same families as pure data with their encodings |
//! | [`keyspace`] | shards, lock plans, the gate, table, entries, expiry, eviction: the only owner of shared data |
//! | [`persist`] | RDB and append only files: the formats; writing them from snapshots and the journal, loading them |
//! | [`pubsub`], [`script`] | message delivery; the Lua host |
//! | [`acl`] | users, their rules, and what they forbid; pure |
//! | [`config`] | one table of directives for file, command line, CONFIG and the example file |
//! | [`observe`] | counters, INFO, slow log, latency, log, /metrics |
//! | [`base`] | leaves that several use: numbers as text, globs, checksums, clock, allocator |
//! | [`server`] | putting it together, running it, ending it |
//! | [`tools`] | the programs that share the binary: redis-check-rdb, redis-check-aof, the entry point of the image |
//!
//! A module uses only those to its left, which a test checks:
//! `base <- resp, types <- keyspace <- persist, pubsub, script, client <- commands <- dispatch <- net <- server, tools`;
//! `acl`, `command`, `config` and `observe` stand beside `keyspace`.
//!
//! `unsafe` lives in the allocator, the table, the entries, prefetching, reading the processor's time stamp counter, in
//! `observe` for crash reports, and in `script` below mlua's safe layer, on which the speed of scripts depends. A test
//! knows the files.
//!
//! Adding a command touches three places: its row and handler in `commands`, its type in `types` if it needs one, its
//! test.

pub mod acl;
pub mod base;
pub mod client;
pub mod command;
pub mod commands;
pub mod config;
pub mod dispatch;
pub mod keyspace;
pub mod net;
pub mod observe;
pub mod persist;
pub mod pubsub;
pub mod resp;
pub mod script;
pub mod server;
pub mod tools;
pub mod types;

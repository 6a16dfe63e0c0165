//! The integration tests: the built server asked over real sockets, mostly by real client programs.
//!
//! They need redis-cli, redis-benchmark, node and python with their pinned packages, buildah and the image's programs;
//! `tests/run` installs or makes those. Those of the image and of the seeds need root, for mounts and networks of their
//! own.
//! With `REDSTART_TEST_BIN` naming a real Redis 7.4.1 the same tests show that what they expect is what Redis does.

mod acl;
mod aof;
mod blocking;
mod cli;
mod cli_own;
mod clients;
mod config;
mod connections;
mod crash;
mod eviction;
mod helm;
mod image;
mod keys;
mod large_values;
mod metrics;
mod migrate;
mod monitor;
mod monitoring;
mod observe;
mod packaging;
mod persistence;
mod protocol;
mod pubsub;
mod queues;
mod resp3;
mod seeds;
mod shutdown;
mod slow_clients;
mod specs;
mod startup;
mod streams;
mod support;
mod tidy;
mod tls;
mod tracking;
mod transcripts;

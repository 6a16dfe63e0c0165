//! Redstart: a Redis-protocol in-memory server.

pub mod base;
pub mod client;
pub mod command;
pub mod commands;
pub mod config;
pub mod dispatch;
pub mod keyspace;
pub mod net;
pub mod observe;
pub mod pubsub;
pub mod resp;
pub mod script;
pub mod server;
pub mod types;

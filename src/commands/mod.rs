//! The catalog: every command with its spec row and its handler, a file or folder per family.
//!
//! Adding a command touches three places: its row and handler here, its type if it needs one, its test.

pub mod account;
pub mod acl;
pub mod blocking;
pub mod call;
pub mod catalog;
pub mod permission;
pub mod server;

mod bitmap;
mod connection;
mod debug;
mod geo;
mod hash;
mod help;
mod hyperloglog;
mod key;
mod list;
mod memory;
mod multi_pop;
mod pubsub;
mod revise;
mod sample;
mod scan;
mod script;
mod set;
mod sort;
mod span;
mod store;
mod stream;
mod string;
mod transaction;
pub mod wait;
mod zset;

#[cfg(test)]
mod journal_tests;
#[cfg(test)]
mod testing;

pub use self::call::{Block, Call, Command, Compute, DONE, Elements, Install, Next, Outcome};
pub use self::catalog::{Catalog, Found, Listed, MISSING};
pub use self::script::busy;
pub use self::server::Server;

/// All families.
pub const FAMILIES: &[&[Command]] = &[
    acl::COMMANDS,
    bitmap::COMMANDS,
    connection::COMMANDS,
    debug::COMMANDS,
    geo::COMMANDS,
    hash::COMMANDS,
    hyperloglog::COMMANDS,
    key::COMMANDS,
    list::COMMANDS,
    memory::COMMANDS,
    pubsub::COMMANDS,
    script::COMMANDS,
    server::COMMANDS,
    server::flush::COMMANDS,
    set::COMMANDS,
    sort::COMMANDS,
    stream::COMMANDS,
    string::COMMANDS,
    #[cfg(test)]
    testing::COMMANDS,
    transaction::COMMANDS,
    wait::COMMANDS,
    zset::COMMANDS,
];

//! The catalog: every command with its spec row and its handler, a file or folder per family.
//!
//! Adding a command touches three places: its row and handler here, its type if it needs one, its test.

pub mod call;
pub mod catalog;
pub mod server;

pub mod blocking;
mod connection;
mod geo;
mod hash;
mod help;
mod key;
mod sample;
mod scan;
mod set;
mod store;
mod string;
mod transaction;
mod zset;

#[cfg(test)]
mod testing;

pub use self::call::{Block, Call, Command, Compute, DONE, Install, Next, Outcome};
pub use self::catalog::{Catalog, Found, Listed};
pub use self::server::Server;

/// All families.
pub const FAMILIES: &[&[Command]] = &[
    connection::COMMANDS,
    geo::COMMANDS,
    hash::COMMANDS,
    key::COMMANDS,
    set::COMMANDS,
    string::COMMANDS,
    transaction::COMMANDS,
    zset::COMMANDS,
];

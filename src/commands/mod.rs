//! The catalog: every command with its spec row and its handler, a file or folder per family.
//!
//! Adding a command touches three places: its row and handler here, its type if it needs one, its test.

pub mod call;
pub mod catalog;
pub mod server;

mod connection;
mod script;
mod string;
mod transaction;

pub use self::call::{Block, Call, Command, Compute, DONE, Install, Next, Outcome};
pub use self::catalog::{Catalog, Found, Listed};
pub use self::server::Server;

/// All families.
pub const FAMILIES: &[&[Command]] =
    &[connection::COMMANDS, script::COMMANDS, string::COMMANDS, transaction::COMMANDS];

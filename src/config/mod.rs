//! The configuration: one table of directives that feeds the file, the command line, CONFIG GET, SET and
//! REWRITE, and the example file.
//!
//! ```text
//!  theme/*  rows ──► table ──► load  (file, include, stdin, --options)  ─┐
//!                      │                                                 ▼
//!                      │       CONFIG SET ──► prepare ── commit ──►  values ──► Settings (Arc)
//!                      ├─────► CONFIG GET, REWRITE  ◄────────────────────┘         │
//!                      └─────► example()                                readers, refreshed by version
//! ```
//!
//! A directive is one row in the file of its theme; beside it stands the typed field of [`Settings`] it
//! feeds. Everything else follows from the row.
//!
//! What departs from Redis 7.4.1, on purpose:
//! - a `#` after a complete directive opens a comment (see `line`); Redis refuses such lines;
//! - sizes beyond 64 bits are refused rather than wrapped around, and so is an empty size, as on Alpine;
//! - a directory given as a configuration file is refused rather than read as empty;
//! - `loadmodule`, `sentinel` and options of modules are refused.

mod args;
mod choices;
mod directive;
pub mod errors;
mod example;
mod include;
mod limits;
mod line;
mod load;
mod parse;
mod rewrite;
mod settings;
mod show;
mod store;
mod table;
mod theme;
mod value;
mod values;

#[cfg(test)]
mod tests;

pub use choices::{
    Allowed, AppendFsync, EvictionPolicy, LogLevel, OomScore, ShutdownFlags, Supervised, TlsAuthClients,
};
pub use directive::{Directive, Effect, Flags};
pub(crate) use errors::os_text;
pub use errors::{ConfigError, LineError, LoadError, REDIS_VERSION, SourceLine, ValueError, Veto};
pub use example::example;
pub use load::{RenameCommand, UserLine};
pub use parse::parse_size;
pub use rewrite::Scope;
pub use settings::Settings;
pub use store::{Caller, Changes, Config, Prepared};
pub use table::directive;
pub use theme::aof::Aof;
pub use theme::clients::{Clients, ClientsMemory};
pub use theme::debug::Debugging;
pub use theme::encodings::Encodings;
pub use theme::execution::Execution;
pub use theme::logging::Logging;
pub use theme::memory::Memory;
pub use theme::network::Network;
pub use theme::observe::Observe;
pub use theme::process::Process;
pub use theme::replication::Replication;
pub use theme::security::Security;
pub use theme::snapshots::Snapshots;
pub use theme::tls::{Tls, TlsIdentity};
pub use value::{EventClasses, OutputLimit, Primary, SavePoint};

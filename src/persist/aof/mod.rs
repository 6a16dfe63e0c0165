//! The append only file: every change, on disk in the order of the changes.
//!
//! ```text
//! keyspace::Journal ──▶ Writer (a thread) ──▶ appendonlydir/appendonly.aof.N.incr.aof
//! Snapshot ──▶ rewrite ──────────────────────▶ appendonlydir/appendonly.aof.N.base.rdb, or .aof: commands
//!                                              appendonlydir/appendonly.aof.manifest
//! ```
//!
//! A log is a base, which holds everything up to an instant, and increments, which hold what was done since. A
//! rewrite makes a new base: it opens the next increment, cuts a snapshot and sets a mark in the journal at the same
//! instant, so that the new increment begins exactly where the new base ends. Until the base is complete the
//! manifest names the old base and all increments; then the new base and the last increment. Whenever the server
//! dies, the manifest names files that together hold everything.
//!
//! The parts know no server; `commands::aof` says when they do what.

mod base;
mod commands;
mod files;
mod load;
mod manifest;
mod status;
mod writer;

pub use self::base::BaseWriter;
pub use self::commands::{CommandReader, Damage, Line};
pub use self::files::{Folder, OpenError};
pub use self::load::{LoadFailure, Reason, Replay, load_commands};
pub use self::manifest::{Manifest, ManifestError, Part};
pub use self::status::Status;
pub use self::writer::{WriterSettings, start};

//! The data set as an RDB file: writing it from a snapshot, loading it, and the record of how that went.
//!
//! ```text
//! keyspace ── entries as of one instant ──▶ Encoder ──▶ Draft ──▶ dump.rdb
//! keyspace ◀── threads that insert ◀── batches ◀── rdb::Reader ◀── dump.rdb
//! ```
//!
//! The parts know no server: who saves, when and for whom is `commands`' business.

mod draft;
mod encoder;
mod load;
mod record;
mod rest;

pub use self::draft::{Draft, Drafts, SaveError};
pub use self::encoder::{Ages, Encoder, Preface};
pub use self::load::{LoadError, LoadOptions, Loaded, Loading, load, load_held};
pub use self::record::{Run, Saves};
pub use self::rest::Rest;

//! RDB: the format of snapshots, of base files of the AOF, of full syncs and of DUMP payloads.
//!
//! ```text
//! file     "REDIS" version(4 digits)  item...  0xFF  checksum(u64, since version 5)
//! item     code(u8) operands                                  a note about the file or the next key
//!        | [deadline] [idle | frequency] type(u8) key value   a key
//! payload  type(u8) value  version(u16)  checksum(u64)        DUMP
//!
//! length   00xxxxxx | 01xxxxxx x8 | 10000000 x32 | 10000001 x64     big-endian
//! string   length bytes | 11000000 i8 | 11000001 i16 | 11000010 i32
//!        | 11000011 compressed-length length LZF
//! ```
//!
//! Everything but lengths and stream IDs is little-endian. The checksum is the CRC-64 of all before it; 0 in
//! a file means that none was computed.
//!
//! | module | what |
//! |---|---|
//! | `code` | the codes of types and notes |
//! | `sink`, `source` | lengths, strings and numbers, out and in, with offset and checksum |
//! | `value/` | each type in each of its encodings, the old ones for reading only |
//! | `writer`, `reader` | files |
//! | `payload` | DUMP and RESTORE |
//!
//! **Versions.** Written are 10 to 12: what 7.0, 7.2 and 7.4 introduced. [`version_for`] chooses the lowest
//! that holds the data, so that older servers can load it. Read are 1 to 12.
//!
//! **Trust.** Input is hostile. Every length is paid for by bytes that are really there before memory is
//! spent on it, packed collections are walked element by element, and what Redis would never write (members
//! twice, entries pending for nobody, intsets out of order) is refused with the offset and a reason. An empty
//! collection, which old bugs of Redis left behind in files, is skipped.

mod code;
mod error;
mod payload;
mod reader;
mod sink;
mod source;
mod value;
mod writer;

#[cfg(test)]
mod tests;

pub use self::error::{Error, Reason};
pub use self::payload::{RestoreError, dump, restore};
pub use self::reader::Reader;
pub use self::writer::Writer;

use crate::config::Encodings;
use crate::keyspace::Value;
use crate::types::hash::HashLimits;
use crate::types::list::ListLimits;
use crate::types::set::SetLimits;
use crate::types::zset::ZsetLimits;

/// The latest version there is: that of Redis 7.4, which DUMP payloads carry.
pub const VERSION: u16 = 12;
/// The earliest version that is written: that of Redis 7.0.
pub const OLDEST_WRITTEN: u16 = 10;

/// A key with all that a file says about it.
pub struct Record {
    /// The database.
    pub db: usize,
    /// The key.
    pub key: Vec<u8>,
    /// The value.
    pub value: Value,
    /// When the key expires, in Unix ms.
    pub deadline: Option<i64>,
    /// Seconds since the last access when the file was written.
    pub idle_seconds: Option<u64>,
    /// The counter of accesses when the file was written.
    pub frequency: Option<u8>,
}

/// How a file is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Options {
    /// `rdbcompression`: whether strings of more than 20 bytes are compressed.
    pub compress: bool,
    /// `rdbchecksum`: whether the file ends with its CRC-64.
    pub checksum: bool,
    /// The version, from [`OLDEST_WRITTEN`] to [`VERSION`].
    pub version: u16,
}

/// The thresholds of the types, by which values that are read take their forms.
#[derive(Clone, Copy, Default, Debug)]
pub struct Limits {
    /// Those of lists.
    pub list: ListLimits,
    /// Those of sets.
    pub set: SetLimits,
    /// Those of hashes.
    pub hash: HashLimits,
    /// Those of sorted sets.
    pub zset: ZsetLimits,
}

impl Limits {
    /// Those that are configured; `packed_threshold` is what DEBUG QUICKLIST-PACKED-THRESHOLD sets, or 0.
    pub fn new(encodings: &Encodings, packed_threshold: usize) -> Limits {
        Limits {
            list: encodings.list_limits(packed_threshold),
            set: encodings.set_limits(),
            hash: encodings.hash_limits(),
            zset: encodings.zset_limits(),
        }
    }
}

/// What a file consists of.
pub enum Item {
    /// A note by name; names that are unknown are to be ignored.
    Aux(Vec<u8>, Vec<u8>),
    /// The keys that follow belong to this database.
    Select(usize),
    /// About how many keys the database has.
    Resize {
        /// All of them.
        keys: u64,
        /// Those with a deadline.
        volatile: u64,
    },
    /// The code of a library of functions.
    Function(Vec<u8>),
    /// A key.
    Key(Record),
    /// The name of a key whose collection is empty, which old bugs of Redis left behind: it is to be passed over.
    Empty(Vec<u8>),
}

/// The lowest version that holds the data: fields with deadlines need that of 7.4.
///
/// Version 10 knows no listpack for sets, which are written member by member, and no time at which a consumer
/// was last given something: it becomes the time at which the consumer was last seen.
pub fn version_for(has_field_deadlines: bool) -> u16 {
    if has_field_deadlines { VERSION } else { OLDEST_WRITTEN }
}

//! Why bytes could not be read, and where.

use std::{fmt, io};

/// Reading failed.
#[derive(Debug)]
pub struct Error {
    /// Offset in bytes of what could not be read: the number or string concerned.
    pub offset: u64,
    /// What is wrong with it.
    pub reason: Reason,
}

/// What is wrong.
#[derive(Debug)]
pub enum Reason {
    /// The operating system failed to read.
    Io(io::Error),
    /// The bytes end before the data does.
    Truncated,
    /// It doesn't begin as an RDB file does.
    NotRdb,
    /// A version from the future, or 0.
    Version(u32),
    /// The checksum isn't that of the bytes.
    Checksum {
        /// What the bytes say.
        stored: u64,
        /// What they come to.
        computed: u64,
    },
    /// A code that begins no item, no type and no string.
    UnknownCode(u8),
    /// Something that Redis reads and this server doesn't; the name tells what.
    Unsupported(String),
    /// A collection without elements.
    Empty,
    /// Data that contradicts itself; the text tells what.
    Damaged(&'static str),
}

impl std::error::Error for Error {}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at offset {}", self.reason, self.offset)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::Io(error) => write!(f, "can't read: {error}"),
            Reason::Truncated => f.write_str("unexpected end"),
            Reason::NotRdb => f.write_str("Wrong signature trying to load DB from file"),
            Reason::Version(version) => write!(f, "Can't handle RDB format version {version}"),
            Reason::Checksum { stored, computed } => {
                write!(f, "RDB CRC error: {stored:016x} is stored, the bytes come to {computed:016x}")
            }
            Reason::UnknownCode(code) => write!(f, "unknown code {code}"),
            Reason::Unsupported(what) => write!(f, "{what} can't be loaded"),
            Reason::Empty => f.write_str("empty collection"),
            Reason::Damaged(what) => f.write_str(what),
        }
    }
}

//! Writing files.

use std::io::{self, ErrorKind, Write};

use super::code::{self, Kind};
use super::sink::Sink;
use super::{OLDEST_WRITTEN, Options, VERSION, value};
use crate::keyspace::Value;

/// Writes a file, item by item.
pub struct Writer<W> {
    sink: Sink<W>,
    version: u16,
}

impl<W: Write> Writer<W> {
    /// Begins a file.
    ///
    /// # Errors
    /// If `out` can't be written to, or the version isn't one that is written.
    pub fn new(out: W, options: Options) -> io::Result<Self> {
        let Options { compress, checksum, version } = options;
        if !(OLDEST_WRITTEN..=VERSION).contains(&version) {
            return Err(io::Error::new(ErrorKind::InvalidInput, "RDB versions 10 to 12 are written only"));
        }
        let mut sink = Sink::new(out, compress, checksum);
        sink.put(format!("REDIS{version:04}").as_bytes())?;
        Ok(Writer { sink, version })
    }

    /// Writes a note; readers ignore names that they don't know.
    ///
    /// # Errors
    /// If writing fails.
    pub fn aux(&mut self, name: &[u8], value: &[u8]) -> io::Result<()> {
        self.sink.byte(code::AUX)?;
        self.sink.string(name)?;
        self.sink.string(value)
    }

    /// Writes the code of a library of functions.
    ///
    /// # Errors
    /// If writing fails.
    pub fn function(&mut self, library: &[u8]) -> io::Result<()> {
        self.sink.byte(code::FUNCTION)?;
        self.sink.string(library)
    }

    /// Begins a database of about so many keys, of which about so many have a deadline.
    ///
    /// # Errors
    /// If writing fails.
    pub fn select(&mut self, db: usize, keys: u64, volatile: u64) -> io::Result<()> {
        self.sink.byte(code::SELECT)?;
        self.sink.length(db as u64)?;
        self.sink.byte(code::RESIZE)?;
        self.sink.length(keys)?;
        self.sink.length(volatile)
    }

    /// Writes a key: its deadline in Unix ms, the seconds since its last access, its access counter.
    ///
    /// # Errors
    /// If writing fails, or fields have deadlines, which the version doesn't know.
    pub fn key(
        &mut self,
        key: &[u8],
        value: Value,
        deadline: Option<i64>,
        idle_seconds: Option<u64>,
        frequency: Option<u8>,
    ) -> io::Result<()> {
        let kind = value::kind(&value, self.version);
        if matches!(kind, Kind::HashTimed | Kind::HashTimedListpack) && self.version < 12 {
            let why = "fields with deadlines need RDB version 12";
            return Err(io::Error::new(ErrorKind::InvalidInput, why));
        }
        if let Some(at) = deadline {
            self.sink.byte(code::DEADLINE_MS)?;
            self.sink.time(at)?;
        }
        if let Some(seconds) = idle_seconds {
            self.sink.byte(code::IDLE)?;
            self.sink.length(seconds)?;
        }
        if let Some(frequency) = frequency {
            self.sink.put(&[code::FREQUENCY, frequency])?;
        }
        self.sink.byte(kind as u8)?;
        self.sink.string(key)?;
        value::write(&mut self.sink, value, kind)
    }

    /// Ends the file and gives back where it went, flushed.
    ///
    /// # Errors
    /// If writing fails.
    pub fn finish(mut self) -> io::Result<W> {
        self.sink.byte(code::END)?;
        let checksum = self.sink.checksum()?.unwrap_or(0);
        self.sink.put(&checksum.to_le_bytes())?;
        self.sink.finish()
    }
}

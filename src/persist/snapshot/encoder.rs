//! From entries to the bytes of an RDB file.

use std::io::{self, Write};

use crate::keyspace::lru_seconds;
use crate::keyspace::{Frozen, Lfu, Size};
use crate::persist::rdb::{Options, Writer};

/// What a file says before the keys.
pub struct Preface {
    /// Notes: names and values.
    pub notes: Vec<(&'static str, String)>,
    /// The code of each library of functions.
    pub libraries: Vec<Vec<u8>>,
    /// The sizes of the databases.
    pub sizes: Box<[Size]>,
}

/// What a file says about the last use of each key, which matters where eviction looks at it.
#[derive(Clone, Copy)]
pub enum Ages {
    /// Nothing.
    Untold,
    /// For how long it has been idle, at a Unix time in ms.
    Idle(i64),
    /// How often it was used, at a Unix time in ms.
    Frequency(i64, Lfu),
}

/// Writes a file.
pub struct Encoder<W> {
    writer: Writer<W>,
    sizes: Box<[Size]>,
    ages: Ages,
    /// The database of the last key.
    db: Option<usize>,
}

impl<W: Write> Encoder<W> {
    /// Begins a file.
    ///
    /// # Errors
    /// If `out` can't be written to.
    pub fn new(out: W, preface: Preface, options: Options, ages: Ages) -> io::Result<Self> {
        let mut writer = Writer::new(out, options)?;
        for (name, value) in &preface.notes {
            writer.aux(name.as_bytes(), value.as_bytes())?;
        }
        preface.libraries.iter().try_for_each(|library| writer.function(library))?;
        Ok(Encoder { writer, sizes: preface.sizes, ages, db: None })
    }

    /// Writes a key.
    ///
    /// # Errors
    /// If writing fails.
    pub fn key(&mut self, frozen: Frozen) -> io::Result<()> {
        if self.db != Some(frozen.db) {
            self.db = Some(frozen.db);
            let size = self.sizes.get(frozen.db).copied().unwrap_or_default();
            self.writer.select(frozen.db, size.keys as u64, size.volatile as u64)?;
        }
        let (idle, frequency) = match self.ages {
            Ages::Untold => (None, None),
            Ages::Idle(now) => {
                (Some(u64::from(lru_seconds(now).wrapping_sub(frozen.clock) & 0xFF_FFFF)), None)
            }
            Ages::Frequency(now, lfu) => (None, Some(lfu.counter(frozen.clock, now) as u8)),
        };
        self.writer.key(&frozen.key, frozen.value, frozen.deadline, idle, frequency)
    }

    /// Ends the file and gives back where it went.
    ///
    /// # Errors
    /// If writing fails.
    pub fn finish(self) -> io::Result<W> {
        self.writer.finish()
    }
}

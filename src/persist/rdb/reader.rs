//! Reading files.

use std::io::Read;

use super::code::{self, Kind};
use super::error::{Error, Reason};
use super::source::Source;
use super::{Item, Limits, Record, VERSION, value};

/// The first version that ends with a checksum.
const FIRST_WITH_CHECKSUM: u32 = 5;

/// Reads a file, item by item.
pub struct Reader<R> {
    source: Source<R>,
    limits: Limits,
    version: u32,
    verifies: bool,
    db: usize,
    /// After an error: the key whose value it is, and how that is encoded.
    failed: Option<(Vec<u8>, Kind)>,
    /// At the end: the checksum there, if the version has one.
    stored: Option<u64>,
    at_end: bool,
}

/// What is said of a key before it comes.
#[derive(Clone, Copy, Default)]
struct About {
    deadline: Option<i64>,
    idle_seconds: Option<u64>,
    frequency: Option<u8>,
}

impl<R: Read> Reader<R> {
    /// Reads the head of a file.
    ///
    /// # Errors
    /// If it isn't that of an RDB file of a version that is known.
    pub fn new(input: R, limits: Limits) -> Result<Self, Error> {
        let mut source = Source::new(input);
        let signature = source.array::<5>()?;
        if signature != *b"REDIS" {
            return Err(source.error(Reason::NotRdb));
        }
        let digits = source.array::<4>()?;
        let version =
            std::str::from_utf8(&digits).ok().filter(|text| text.bytes().all(|b| b.is_ascii_digit()));
        let version = version.and_then(|text| text.parse().ok()).unwrap_or(0);
        if !(1..=u32::from(VERSION)).contains(&version) {
            return Err(source.error(Reason::Version(version)));
        }
        Ok(Reader {
            source,
            limits,
            version,
            verifies: true,
            db: 0,
            failed: None,
            stored: None,
            at_end: false,
        })
    }

    /// Leaves the checksum unchecked (`rdbchecksum no`).
    #[must_use]
    pub fn without_checksum(mut self) -> Self {
        self.verifies = false;
        self
    }

    /// Bytes read so far.
    pub fn offset(&self) -> u64 {
        self.source.offset()
    }

    /// After an error: the key whose value could not be read, if it was one.
    pub fn failed_key(&self) -> Option<&[u8]> {
        self.failed.as_ref().map(|(key, _)| key.as_slice())
    }

    /// After an error: the type code of the value that could not be read, and Redis's name for its encoding.
    pub fn failed_type(&self) -> Option<(u8, &'static str)> {
        self.failed.as_ref().map(|&(_, kind)| (kind as u8, kind.name()))
    }

    /// At the end: the checksum that the file has, 0 if none was computed when it was written.
    pub fn stored_checksum(&self) -> Option<u64> {
        self.stored
    }

    /// What comes behind the end of the file, or behind the item read last: the commands of an AOF that
    /// begins with an RDB file.
    pub fn into_rest(self) -> impl Read {
        self.source.into_rest()
    }

    /// Reads the next item; none at the end, where the checksum has been found right. Keys come as they are,
    /// be they expired or there twice.
    ///
    /// # Errors
    /// If the file ends early or is damaged, or reading fails. There is nothing to be read after an error.
    #[expect(clippy::should_implement_trait, reason = "an iterator would go on after an error")]
    pub fn next(&mut self) -> Result<Option<Item>, Error> {
        let mut about = About::default();
        while !self.at_end {
            let source = &mut self.source;
            match source.byte()? {
                code::DEADLINE_MS => about.deadline = Some(source.time()?).filter(|&at| at != -1),
                code::DEADLINE_SECONDS => {
                    let seconds = i32::from_le_bytes(source.array()?);
                    about.deadline = Some(i64::from(seconds) * 1000).filter(|_| seconds != -1);
                }
                code::IDLE => about.idle_seconds = Some(source.length()?),
                code::FREQUENCY => about.frequency = Some(source.byte()?),
                code::SLOT_INFO => {
                    for _ in 0..3 {
                        source.length()?;
                    }
                }
                code::END => self.end()?,
                code::SELECT => return self.select().map(Some),
                code::RESIZE => {
                    let (keys, volatile) = (source.length()?, source.length()?);
                    return Ok(Some(Item::Resize { keys, volatile }));
                }
                code::AUX => return Ok(Some(Item::Aux(source.string()?, source.string()?))),
                code::FUNCTION => return Ok(Some(Item::Function(source.string()?))),
                code::FUNCTION_PRE_GA => {
                    let what = "a function in the format of 7.0's release candidates";
                    return Err(source.error(Reason::Unsupported(what.into())));
                }
                code::MODULE_AUX => {
                    let name = code::module_name(source.length()?);
                    return Err(source.error(Reason::Unsupported(format!("data of the module '{name}'"))));
                }
                type_code => return self.key(type_code, about).map(Some),
            }
        }
        Ok(None)
    }

    fn select(&mut self) -> Result<Item, Error> {
        let db = self.source.length()?;
        let db = i32::try_from(db).ok().and_then(|db| usize::try_from(db).ok());
        self.db = db.ok_or_else(|| self.source.damaged("the number of a database is out of range"))?;
        Ok(Item::Select(self.db))
    }

    fn key(&mut self, type_code: u8, about: About) -> Result<Item, Error> {
        let Some(kind) = Kind::of(type_code) else {
            return Err(self.source.error(Reason::UnknownCode(type_code)));
        };
        let key = self.source.string()?;
        let value = match value::read(&mut self.source, type_code, &self.limits) {
            Ok(value) => value,
            Err(Error { reason: Reason::Empty, .. }) => return Ok(Item::Empty(key)),
            Err(error) => {
                self.failed = Some((key, kind));
                return Err(error);
            }
        };
        let About { deadline, idle_seconds, frequency } = about;
        Ok(Item::Key(Record { db: self.db, key, value, deadline, idle_seconds, frequency }))
    }

    fn end(&mut self) -> Result<(), Error> {
        self.at_end = true;
        if self.version < FIRST_WITH_CHECKSUM {
            return Ok(());
        }
        let computed = self.source.checksum();
        let stored = u64::from_le_bytes(self.source.array()?);
        self.stored = Some(stored);
        if self.verifies && stored != 0 && stored != computed {
            return Err(self.source.error(Reason::Checksum { stored, computed }));
        }
        Ok(())
    }
}

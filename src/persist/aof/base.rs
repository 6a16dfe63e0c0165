//! A base made of commands: what `aof-use-rdb-preamble no` asks for, which versions before 4 and plain tools can read.
//!
//! ```text
//! FUNCTION LOAD code      each library
//! SELECT db               before the first key, and whenever the database changes
//! SET | RPUSH | SADD | ZADD | HMSET | XADD ...   a key, its elements in batches
//! PEXPIREAT key ms        its deadline
//! ```
//!
//! It holds less than an RDB file does, as Redis's has it: no access clocks, no times at which consumers of streams
//! were seen, and of what is pending in a group nothing whose entry is gone, since XCLAIM doesn't take that.

use std::io::{self, BufWriter, Write};

use crate::base::num::{DoubleText, IntText};
use crate::keyspace::{Frozen, Str, Value};
use crate::types::hash::{Entry, Hash};
use crate::types::listpack::Item;
use crate::types::stream::{Consumer, Group, Stream, StreamId};

/// How many elements one command has at the most.
const BATCH: usize = 64;
/// Bytes that are collected before they are handed on.
const BUFFER: usize = 64 << 10;

/// Writes a base, key by key.
pub struct BaseWriter<W: Write> {
    out: BufWriter<W>,
    /// The database of the last key.
    db: Option<usize>,
}

impl<W: Write> BaseWriter<W> {
    /// Begins a base with libraries of functions, by their code; `time`, in Unix seconds, if times are noted.
    ///
    /// # Errors
    /// If `out` can't be written to.
    pub fn new(out: W, time: Option<i64>, libraries: &[Vec<u8>]) -> io::Result<Self> {
        let mut base = BaseWriter { out: BufWriter::with_capacity(BUFFER, out), db: None };
        if let Some(time) = time {
            write!(base.out, "#TS:{time}\r\n")?;
        }
        for code in libraries {
            base.command(&[b"FUNCTION", b"LOAD", code])?;
        }
        Ok(base)
    }

    /// Writes a key, and lets go of it.
    ///
    /// # Errors
    /// If writing fails.
    pub fn key(&mut self, frozen: Frozen) -> io::Result<()> {
        let Frozen { db, key, value, deadline, .. } = frozen;
        if self.db != Some(db) {
            self.db = Some(db);
            self.command(&[b"SELECT", IntText::new().format(db).as_bytes()])?;
        }
        match value {
            Value::Str(string) => self.string(&key, &string)?,
            Value::List(list) => {
                let mut batches = Batches::new(b"RPUSH", &key, list.len(), 1);
                list.iter().try_for_each(|element| {
                    batches.next(self)?;
                    self.item(element)
                })?;
            }
            Value::Set(set) => {
                let mut batches = Batches::new(b"SADD", &key, set.len(), 1);
                set.consume(|member| {
                    batches.next(self)?;
                    self.item(member)
                })?;
            }
            Value::Zset(zset) => {
                let mut batches = Batches::new(b"ZADD", &key, zset.len(), 2);
                zset.consume(|member, score| {
                    batches.next(self)?;
                    self.argument(DoubleText::new(score).as_bytes())?;
                    self.item(member)
                })?;
            }
            Value::Hash(hash) => self.hash(&key, hash)?,
            Value::Stream(stream) => self.stream(&key, &stream)?,
        }
        match deadline {
            Some(at) => self.command(&[b"PEXPIREAT", &key, IntText::new().format(at).as_bytes()]),
            None => Ok(()),
        }
    }

    /// Ends the base and gives back where it went.
    ///
    /// # Errors
    /// If writing fails.
    pub fn finish(self) -> io::Result<W> {
        self.out.into_inner().map_err(io::IntoInnerError::into_error)
    }

    fn string(&mut self, key: &[u8], string: &Str) -> io::Result<()> {
        self.command(&[b"SET", key, string.as_ref().bytes(&mut IntText::new())])
    }

    fn hash(&mut self, key: &[u8], hash: Hash) -> io::Result<()> {
        if hash.next_expiry().is_some() {
            return hash.consume(|entry| self.timed_field(key, entry));
        }
        let mut batches = Batches::new(b"HMSET", key, hash.len(), 2);
        hash.consume(|entry| {
            batches.next(self)?;
            self.item(entry.field)?;
            self.item(entry.value)
        })
    }

    fn timed_field(&mut self, key: &[u8], entry: Entry<'_>) -> io::Result<()> {
        self.header(4)?;
        self.arguments(&[b"HMSET", key])?;
        self.item(entry.field)?;
        self.item(entry.value)?;
        let Some(at) = entry.deadline else { return Ok(()) };
        self.header(6)?;
        self.arguments(&[b"HPEXPIREAT", key, IntText::new().format(at).as_bytes(), b"FIELDS", b"1"])?;
        self.item(entry.field)
    }

    fn stream(&mut self, key: &[u8], stream: &Stream) -> io::Result<()> {
        let log = stream.log();
        if log.is_empty() {
            // There is no other command that makes a stream and nothing else.
            self.command(&[b"XADD", key, b"MAXLEN", b"0", b"0-1", b"x", b"y"])?;
        }
        for entry in log.range(StreamId::MIN, StreamId::MAX) {
            let fields = entry.fields();
            self.header(3 + 2 * fields.len())?;
            self.arguments(&[b"XADD", key, &entry.id().text()])?;
            for (field, value) in fields {
                self.item(field)?;
                self.item(value)?;
            }
        }
        let counters = log.counters();
        self.command(&[
            b"XSETID",
            key,
            &counters.last_id.text(),
            b"ENTRIESADDED",
            IntText::new().format(counters.entries_added).as_bytes(),
            b"MAXDELETEDID",
            &counters.max_deleted_id.text(),
        ])?;
        stream.groups().try_for_each(|(name, group)| self.group(key, name, group))
    }

    fn group(&mut self, key: &[u8], name: &[u8], group: &Group) -> io::Result<()> {
        let mut read = IntText::new();
        let read = read.format(group.entries_read().unwrap_or(-1)).as_bytes();
        self.command(&[b"XGROUP", b"CREATE", key, name, &group.last_id().text(), b"ENTRIESREAD", read])?;
        group.consumers().try_for_each(|consumer| self.consumer(key, name, group, consumer))
    }

    fn consumer(&mut self, key: &[u8], name: &[u8], group: &Group, consumer: &Consumer) -> io::Result<()> {
        if consumer.pending_count() == 0 {
            return self.command(&[b"XGROUP", b"CREATECONSUMER", key, name, consumer.name()]);
        }
        for entry in group.pending_of(consumer, StreamId::MIN, StreamId::MAX) {
            self.command(&[
                b"XCLAIM",
                key,
                name,
                consumer.name(),
                b"0",
                &entry.id.text(),
                b"TIME",
                IntText::new().format(entry.time).as_bytes(),
                b"RETRYCOUNT",
                IntText::new().format(entry.count).as_bytes(),
                b"JUSTID",
                b"FORCE",
            ])?;
        }
        Ok(())
    }

    fn command(&mut self, args: &[&[u8]]) -> io::Result<()> {
        self.header(args.len())?;
        self.arguments(args)
    }

    fn arguments(&mut self, args: &[&[u8]]) -> io::Result<()> {
        args.iter().try_for_each(|arg| self.argument(arg))
    }

    fn item(&mut self, item: Item<'_>) -> io::Result<()> {
        self.argument(item.as_bytes(&mut IntText::new()))
    }

    fn argument(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.number(b'$', bytes.len())?;
        self.out.write_all(bytes)?;
        self.out.write_all(b"\r\n")
    }

    fn header(&mut self, args: usize) -> io::Result<()> {
        self.number(b'*', args)
    }

    fn number(&mut self, kind: u8, number: usize) -> io::Result<()> {
        self.out.write_all(&[kind])?;
        self.out.write_all(IntText::new().format(number).as_bytes())?;
        self.out.write_all(b"\r\n")
    }
}

/// The elements of a collection in as many commands as it takes.
struct Batches<'k> {
    verb: &'static [u8],
    key: &'k [u8],
    /// How many arguments an element is.
    arguments: usize,
    /// Elements that no command has been begun for.
    left: usize,
    /// Elements that the command that was begun last still takes.
    room: usize,
}

impl<'k> Batches<'k> {
    fn new(verb: &'static [u8], key: &'k [u8], elements: usize, arguments: usize) -> Self {
        Batches { verb, key, arguments, left: elements, room: 0 }
    }

    /// Begins a command if the next element needs one.
    fn next<W: Write>(&mut self, base: &mut BaseWriter<W>) -> io::Result<()> {
        if self.room == 0 {
            self.room = self.left.min(BATCH);
            self.left -= self.room;
            base.header(2 + self.room * self.arguments)?;
            base.arguments(&[self.verb, self.key])?;
        }
        self.room -= 1;
        Ok(())
    }
}

//! What commands have for the journal: each change as a command that makes the same change anywhere, at any time.
//!
//! ```text
//! handler ──▶ Effects.propagation ──(locks still held)──▶ Journal ──▶ append only file
//! ```
//!
//! A command that has changed something (its `dirty` count grew) is put down as it came, after its handler and
//! before its locks are released: so the journal's order is the order of the changes. Where the request doesn't say
//! what was done (random members, times relative to now, sums of decimals, whichever key had an element), the
//! handler says it with [`View::propagate_instead`], and where one command did the work of several, or of none,
//! with [`View::propagate_also`] and [`View::propagate_nothing`]. What expiry and eviction delete comes by itself.
//! Only commands that are marked as writing are put down: not EXEC and EVAL, but what they run.
//!
//! What one command has put down is a unit: if it is more than one command, the journal has MULTI and EXEC around
//! them, so that a reader gets all or nothing. With nobody reading, all this costs one branch per command.

use super::view::View;

/// See the head of this file.
#[derive(Default)]
pub struct Propagation {
    /// How deletions are put down; none while nobody reads.
    verbs: Option<Verbs>,
    /// The commands so far, one behind the other.
    bytes: Vec<u8>,
    /// The database of each and where it ends in `bytes`.
    commands: Vec<(usize, usize)>,
    /// Whether the running command has said itself what it did.
    told: bool,
}

/// With which command the server's own deletions are put down: UNLINK where memory is freed in the background.
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
pub struct Verbs {
    /// `lazyfree-lazy-expire`.
    pub unlink_expired: bool,
    /// `lazyfree-lazy-eviction`.
    pub unlink_evicted: bool,
}

impl Propagation {
    /// Whether anybody reads.
    #[inline]
    pub fn is_on(&self) -> bool {
        self.verbs.is_some()
    }

    /// Says whether anybody reads, and how deletions are put down.
    #[inline]
    pub fn listen(&mut self, verbs: Option<Verbs>) {
        self.verbs = verbs;
    }

    /// Whether commands wait for being handed over.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.commands.is_empty()
    }

    /// A command begins to run.
    pub fn begin(&mut self) {
        self.told = false;
    }

    /// A command has changed something: puts it down as it came, unless it has said what it did.
    pub fn end(&mut self, db: usize, args: &[&[u8]]) {
        if !self.told {
            self.put_down(db, args);
        }
    }

    /// Puts a command down.
    pub fn put_down(&mut self, db: usize, args: &[&[u8]]) {
        if self.is_on() {
            encode(&mut self.bytes, args);
            self.commands.push((db, self.bytes.len()));
        }
    }

    /// The running command has said what it did: it isn't put down as it came.
    pub fn say_told(&mut self) {
        self.told = true;
    }

    /// A key has expired.
    #[inline]
    pub fn expired(&mut self, db: usize, key: &[u8]) {
        if let Some(verbs) = self.verbs {
            self.put_down(db, &[deletion(verbs.unlink_expired), key]);
        }
    }

    /// A key was evicted.
    #[inline]
    pub fn evicted(&mut self, db: usize, key: &[u8]) {
        if let Some(verbs) = self.verbs {
            self.put_down(db, &[deletion(verbs.unlink_evicted), key]);
        }
    }

    /// The commands, each with its database; they are gone afterwards.
    pub fn take_each(&mut self, mut each: impl FnMut(usize, &[u8])) {
        let mut from = 0;
        for &(db, end) in &self.commands {
            each(db, &self.bytes[from..end]);
            from = end;
        }
        self.commands.clear();
        self.bytes.clear();
        self.bytes.shrink_to(KEPT);
    }

    /// Whether what was put down is one change of several commands.
    pub(super) fn is_transaction(&self) -> bool {
        self.commands.len() > 1
    }
}

/// The buffer keeps so many bytes between commands.
const KEPT: usize = 64 * 1024;

fn deletion(unlink: bool) -> &'static [u8] {
    if unlink { b"UNLINK" } else { b"DEL" }
}

/// Writes a command as clients send it.
pub fn encode(into: &mut Vec<u8>, args: &[&[u8]]) {
    let mut number = itoa::Buffer::new();
    let mut header = |into: &mut Vec<u8>, kind: u8, count: usize| {
        into.push(kind);
        into.extend_from_slice(number.format(count).as_bytes());
        into.extend_from_slice(b"\r\n");
    };
    header(into, b'*', args.len());
    for arg in args {
        header(into, b'$', arg.len());
        into.extend_from_slice(arg);
        into.extend_from_slice(b"\r\n");
    }
}

impl View<'_> {
    /// Whether a journal wants to know what is done: for what is costly to say.
    #[inline]
    pub fn propagates(&self) -> bool {
        self.effects.propagation.is_on()
    }

    /// Puts a command down for the journal beside the running one.
    pub fn propagate_also(&mut self, args: &[&[u8]]) {
        let db = self.db();
        self.effects.propagation.put_down(db, args);
    }

    /// Puts a command down for the journal instead of the running one, or one more of them.
    pub fn propagate_instead(&mut self, args: &[&[u8]]) {
        self.propagate_also(args);
        self.effects.propagation.say_told();
    }

    /// Has the journal hear nothing of the running command but what is put down with
    /// [`propagate_also`](Self::propagate_also).
    pub fn propagate_nothing(&mut self) {
        self.effects.propagation.say_told();
    }
}

//! The requests of one turn, as ranges of the bytes that were read.
//!
//! A [`Batch`] is flat: the ranges of all arguments, and for each request where its own end. It is used again
//! and again, so a turn allocates nothing. A range points into the read buffer; only the arguments of inline
//! requests, which may hold escapes, lie in a buffer of the batch.

/// A batch keeps room for this many arguments; what a giant request made it grow beyond is given back.
pub(super) const KEPT_ARGS: usize = 2048;
/// The same for the unquoted text of inline requests, in bytes.
const KEPT_TEXT: usize = 16 * 1024;

/// Where one argument lies in what [`Batch::source`] gives, in bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ArgRange {
    /// Offset of the first byte.
    pub start: u32,
    /// Length.
    pub len: u32,
}

impl ArgRange {
    /// A range within a buffer shorter than 4 GiB.
    #[inline]
    pub(super) fn new(start: usize, len: usize) -> Self {
        ArgRange { start: start as u32, len: len as u32 }
    }

    /// The argument itself. `source` is what [`Batch::source`] gives for its request.
    #[inline]
    pub fn of(self, source: &[u8]) -> &[u8] {
        &source[self.start as usize..][..self.len as usize]
    }

    /// The same range when the first `distance` bytes of the buffer are gone.
    pub(super) fn moved_back(self, distance: usize) -> Self {
        ArgRange { start: self.start - distance as u32, len: self.len }
    }
}

/// The requests of one turn.
#[derive(Default)]
pub struct Batch {
    pub(super) args: Vec<ArgRange>,
    requests: Vec<Request>,
    /// Arguments of inline requests, without quotes and escapes.
    pub(super) unquoted: Vec<u8>,
}

#[derive(Clone, Copy)]
struct Request {
    /// Index in `Batch::args` after its last argument.
    end: u32,
    /// Whether its ranges point into `Batch::unquoted`.
    inline: bool,
}

impl Batch {
    /// An empty batch, without memory of its own yet.
    pub fn new() -> Self {
        Batch::default()
    }

    /// Forgets all requests and keeps the memory for the next turn, unless a giant request took much of it.
    pub fn clear(&mut self) {
        self.requests.clear();
        self.args.clear();
        self.args.shrink_to(KEPT_ARGS);
        self.unquoted.clear();
        self.unquoted.shrink_to(KEPT_TEXT);
    }

    /// Number of requests.
    #[inline]
    pub fn len(&self) -> usize {
        self.requests.len()
    }

    /// Whether there is no request.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.requests.is_empty()
    }

    /// The arguments of request `i`, at least one: its name comes first.
    #[inline]
    pub fn args(&self, i: usize) -> &[ArgRange] {
        let start = if i == 0 { 0 } else { self.requests[i - 1].end };
        &self.args[start as usize..self.requests[i].end as usize]
    }

    /// The bytes into which the ranges of request `i` point, given the buffer that was parsed.
    #[inline]
    pub fn source<'a>(&'a self, i: usize, buf: &'a [u8]) -> &'a [u8] {
        if self.requests[i].inline { &self.unquoted } else { buf }
    }

    /// Argument `j` of request `i`, given the buffer that was parsed.
    #[inline]
    pub fn arg<'a>(&'a self, i: usize, j: usize, buf: &'a [u8]) -> &'a [u8] {
        self.args(i)[j].of(self.source(i, buf))
    }

    /// Makes the arguments appended since the last request one more request.
    #[inline]
    pub(super) fn end_request(&mut self, inline: bool) {
        self.requests.push(Request { end: self.args.len() as u32, inline });
    }
}

//! Bytes to replies, however the bytes are cut.
//!
//! redis-protocol reads the scalars. What holds other replies is put together here, on a stack of its own that
//! survives between two reads: so a long array is walked once however it arrives, deep nesting costs no stack, maps
//! keep their order, sets may hold maps (COMMAND INFO has some), and an array's nil of RESP2 is understood.

use std::fmt;

use redis_protocol::resp3::decode::complete::decode_range;
use redis_protocol::resp3::types::RangeFrame;

use super::Reply;

/// Deeper nesting is refused: whoever shows a reply walks it recursively.
const DEEPEST: usize = 1000;

/// Bytes that are no reply, in words for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProtocolError(String);

impl fmt::Display for ProtocolError {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a reply that holds others is made into.
#[derive(Clone, Copy)]
enum Kind {
    Array,
    Set,
    Push,
    Map,
    /// Told ahead of a reply, and left out.
    Attribute,
}

impl Kind {
    fn of(first: u8) -> Option<Kind> {
        Some(match first {
            b'*' => Kind::Array,
            b'~' => Kind::Set,
            b'>' => Kind::Push,
            b'%' => Kind::Map,
            b'|' => Kind::Attribute,
            _ => return None,
        })
    }

    /// `None` for what is left out.
    fn close(self, items: Vec<Reply>) -> Option<Reply> {
        Some(match self {
            Kind::Array => Reply::Array(items),
            Kind::Set => Reply::Set(items),
            Kind::Push => Reply::Push(items),
            Kind::Map => Reply::Map(pairs(items)),
            Kind::Attribute => return None,
        })
    }
}

fn pairs(items: Vec<Reply>) -> Vec<(Reply, Reply)> {
    let mut items = items.into_iter();
    std::iter::from_fn(|| Some((items.next()?, items.next()?))).collect()
}

/// A reply of which some items are still to come.
struct Open {
    kind: Kind,
    missing: usize,
    items: Vec<Reply>,
}

/// What one step has read.
enum Step {
    Whole(Reply),
    Opened(Open),
    /// More bytes are needed.
    Short,
}

/// Takes bytes as they come and gives replies as they are complete.
#[derive(Default)]
pub struct Decoder {
    bytes: Vec<u8>,
    /// How much of `bytes` has been read.
    read: usize,
    open: Vec<Open>,
}

impl Decoder {
    /// Takes what has arrived.
    pub fn feed(&mut self, bytes: &[u8]) {
        if self.read == self.bytes.len() {
            self.bytes.clear();
            self.read = 0;
        } else if self.read > self.bytes.len() / 2 {
            self.bytes.drain(..self.read);
            self.read = 0;
        }
        self.bytes.extend_from_slice(bytes);
    }

    /// Gives up the bytes that haven't become replies, for who reads on without this.
    pub fn take_rest(&mut self) -> Vec<u8> {
        let rest = self.bytes.split_off(self.read);
        self.bytes.clear();
        self.read = 0;
        rest
    }

    /// The next complete reply; `None` while more bytes are needed.
    ///
    /// # Errors
    /// Bytes that are no reply; nothing more can be read then.
    pub fn next_reply(&mut self) -> Result<Option<Reply>, ProtocolError> {
        loop {
            match self.step()? {
                Step::Short => return Ok(None),
                Step::Opened(open) if open.missing > 0 => {
                    if self.open.len() >= DEEPEST {
                        return Err(ProtocolError("Protocol error, nested too deeply".into()));
                    }
                    self.open.push(open);
                }
                Step::Opened(open) => {
                    if let Some(whole) = open.kind.close(open.items)
                        && let Some(done) = self.put(whole)
                    {
                        return Ok(Some(done));
                    }
                }
                Step::Whole(reply) => {
                    if let Some(done) = self.put(reply) {
                        return Ok(Some(done));
                    }
                }
            }
        }
    }

    /// Puts a reply into the one that waits for it; that may complete others. Returns the outermost one.
    fn put(&mut self, mut reply: Reply) -> Option<Reply> {
        loop {
            let Some(open) = self.open.last_mut() else { return Some(reply) };
            open.items.push(reply);
            open.missing -= 1;
            if open.missing > 0 {
                return None;
            }
            let Open { kind, items, .. } = self.open.pop()?;
            reply = kind.close(items)?;
        }
    }

    fn step(&mut self) -> Result<Step, ProtocolError> {
        let bytes = &self.bytes[self.read..];
        let Some(&first) = bytes.first() else { return Ok(Step::Short) };
        let (step, used) = match Kind::of(first) {
            Some(kind) => opening(kind, bytes)?,
            None if first == b'=' => verbatim(bytes)?,
            None if bytes.starts_with(b"$-1\r\n") => (Step::Whole(Reply::Nil), 5),
            None => scalar(first, bytes)?,
        };
        self.read += used;
        Ok(step)
    }
}

/// The number in a line such as `*3`, with the line's length; `None` while the line isn't whole.
fn length(bytes: &[u8]) -> Result<Option<(Option<usize>, usize)>, ProtocolError> {
    let Some(end) = memchr::memmem::find(bytes, b"\r\n") else { return Ok(None) };
    let text = &bytes[1..end];
    if text == b"-1" {
        return Ok(Some((None, end + 2)));
    }
    let number = redstart::base::num::parse_u64(text).and_then(|number| usize::try_from(number).ok());
    match number.filter(|number| *number <= isize::MAX as usize / 2) {
        Some(number) => Ok(Some((Some(number), end + 2))),
        None => Err(ProtocolError("Protocol error, bad length".into())),
    }
}

fn opening(kind: Kind, bytes: &[u8]) -> Result<(Step, usize), ProtocolError> {
    let Some((number, used)) = length(bytes)? else { return Ok((Step::Short, 0)) };
    let Some(number) = number else { return Ok((Step::Whole(Reply::Nil), used)) };
    let missing = match kind {
        Kind::Map | Kind::Attribute => number * 2,
        _ => number,
    };
    let items = Vec::with_capacity(missing.min(1024));
    Ok((Step::Opened(Open { kind, missing, items }), used))
}

/// redis-protocol knows two formats of verbatim strings; a script may name any.
fn verbatim(bytes: &[u8]) -> Result<(Step, usize), ProtocolError> {
    let Some((number, used)) = length(bytes)? else { return Ok((Step::Short, 0)) };
    let Some(number @ 4..) = number else {
        return Err(ProtocolError("Protocol error, bad verbatim string".into()));
    };
    match bytes.get(used..used + number + 2) {
        Some(text) => Ok((Step::Whole(Reply::Verbatim(text[4..number].to_vec())), used + number + 2)),
        None => Ok((Step::Short, 0)),
    }
}

fn scalar(first: u8, bytes: &[u8]) -> Result<(Step, usize), ProtocolError> {
    if !b"+-:$,#_(!".contains(&first) {
        let mut shown = Vec::new();
        redstart::base::words::quote_into(&mut shown, &[first]);
        let shown = String::from_utf8_lossy(&shown).into_owned();
        return Err(ProtocolError(format!("Protocol error, got {shown} as reply type byte")));
    }
    let found = decode_range(bytes).map_err(|error| ProtocolError(format!("Protocol error, {error}")))?;
    let Some((frame, used)) = found else { return Ok((Step::Short, 0)) };
    let text = |(from, to): (usize, usize)| bytes[from..to].to_vec();
    let reply = match frame {
        RangeFrame::SimpleString { data, .. } => Reply::Status(text(data)),
        RangeFrame::SimpleError { data, .. } | RangeFrame::BlobError { data, .. } => Reply::Error(text(data)),
        RangeFrame::BlobString { data, .. } => Reply::Bulk(text(data)),
        RangeFrame::BigNumber { data, .. } => Reply::BigNumber(text(data)),
        RangeFrame::Number { data, .. } => Reply::Integer(data),
        RangeFrame::Boolean { data, .. } => Reply::Boolean(data),
        // The digits as they came: printing the number again could choose others.
        RangeFrame::Double { .. } => Reply::Double(text((1, used - 2))),
        RangeFrame::Null => Reply::Nil,
        other => return Err(ProtocolError(format!("Protocol error, got {:?}", other.kind()))),
    };
    Ok((Step::Whole(reply), used))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(bytes: &[u8], cut: usize) -> Result<Vec<Reply>, ProtocolError> {
        let (mut decoder, mut found) = (Decoder::default(), Vec::new());
        for part in bytes.chunks(cut) {
            decoder.feed(part);
            while let Some(reply) = decoder.next_reply()? {
                found.push(reply);
            }
        }
        Ok(found)
    }

    #[track_caller]
    fn check(bytes: &[u8], expected: &[Reply]) {
        for cut in [1, 2, 3, 7, bytes.len().max(1)] {
            assert_eq!(all(bytes, cut).as_deref(), Ok(expected), "in pieces of {cut}");
        }
    }

    fn bulk(text: &str) -> Reply {
        Reply::Bulk(text.as_bytes().to_vec())
    }

    #[test]
    fn scalars_of_both_protocols() {
        check(
            b"+OK\r\n-ERR no\r\n:-5\r\n$2\r\n\r\n\r\n$0\r\n\r\n$-1\r\n*-1\r\n_\r\n#t\r\n#f\r\n,1e+20\r\n,-inf\r\n(123\r\n=5\r\nabc:x\r\n!5\r\nERR x\r\n",
            &[
                Reply::Status(b"OK".to_vec()),
                Reply::Error(b"ERR no".to_vec()),
                Reply::Integer(-5),
                bulk("\r\n"),
                bulk(""),
                Reply::Nil,
                Reply::Nil,
                Reply::Nil,
                Reply::Boolean(true),
                Reply::Boolean(false),
                Reply::Double(b"1e+20".to_vec()),
                Reply::Double(b"-inf".to_vec()),
                Reply::BigNumber(b"123".to_vec()),
                Reply::Verbatim(b"x".to_vec()),
                Reply::Error(b"ERR x".to_vec()),
            ],
        );
    }

    #[test]
    fn what_holds_others_keeps_the_order() {
        check(
            b"*2\r\n*0\r\n%2\r\n$1\r\nz\r\n~1\r\n%1\r\n+a\r\n:1\r\n$1\r\na\r\n*-1\r\n>1\r\n+p\r\n%0\r\n",
            &[
                Reply::Array(vec![
                    Reply::Array(vec![]),
                    Reply::Map(vec![
                        (
                            bulk("z"),
                            Reply::Set(vec![Reply::Map(vec![(
                                Reply::Status(b"a".to_vec()),
                                Reply::Integer(1),
                            )])]),
                        ),
                        (bulk("a"), Reply::Nil),
                    ]),
                ]),
                Reply::Push(vec![Reply::Status(b"p".to_vec())]),
                Reply::Map(vec![]),
            ],
        );
    }

    #[test]
    fn attributes_are_left_out_wherever_they_stand() {
        check(
            b"|1\r\n+a\r\n*2\r\n:1\r\n:2\r\n+x\r\n*2\r\n|1\r\n+ttl\r\n:3\r\n:7\r\n|0\r\n:8\r\n",
            &[Reply::Status(b"x".to_vec()), Reply::Array(vec![Reply::Integer(7), Reply::Integer(8)])],
        );
    }

    #[test]
    fn what_is_no_reply_is_refused() {
        let error = all(b"HTTP/1.1\r\n", 3).expect_err("no reply");
        assert_eq!(error.to_string(), "Protocol error, got \"H\" as reply type byte");
        for bad in
            [&b"*x\r\n"[..], b"*99999999999999999999\r\n", b":1x\r\n", b"$-2\r\n", b"#x\r\n", b"=2\r\nab\r\n"]
        {
            assert!(all(bad, 100).is_err(), "{}", bad.escape_ascii());
        }
        assert!(all(&b"*1\r\n".repeat(2000), 100).is_err());
        assert!(all(b"*9223372036854775807\r\n", 100).is_err());
        // Nothing is set aside for what a length only promises.
        assert_eq!(all(b"*4000000000000000000\r\n", 100), Ok(vec![]));
    }

    #[test]
    fn the_rest_can_be_taken() {
        let mut decoder = Decoder::default();
        decoder.feed(b"+OK\r\nREDIS0011");
        assert_eq!(decoder.next_reply(), Ok(Some(Reply::Status(b"OK".to_vec()))));
        assert_eq!(decoder.take_rest(), b"REDIS0011");
        decoder.feed(b":1\r\n");
        assert_eq!(decoder.next_reply(), Ok(Some(Reply::Integer(1))));
    }
}

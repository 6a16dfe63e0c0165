//! Replies as values. redis-protocol's decoder, which clients use, decides where a reply ends and whether it is
//! well formed; the values here keep what its frames lose: the order of maps and sets, and the text of doubles.

use redis_protocol::{resp2, resp3};

/// One decoded reply; in RESP2 only the first six kinds occur (a null array is `Null`).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reply {
    Simple(Vec<u8>),
    Error(String),
    Int(i64),
    Bulk(Vec<u8>),
    Null,
    Array(Vec<Reply>),
    Map(Vec<(Reply, Reply)>),
    Set(Vec<Reply>),
    Push(Vec<Reply>),
    /// The text of the number, as sent.
    Double(String),
    Bool(bool),
    BigNumber(String),
    /// The format (`txt`, `mkd`) and the content.
    Verbatim(String, Vec<u8>),
}

impl Reply {
    /// A bulk reply of `text`.
    pub fn bulk(text: &str) -> Reply {
        Reply::Bulk(text.as_bytes().to_vec())
    }

    /// The text of a simple, bulk, verbatim or error reply; panics on another.
    pub fn text(&self) -> String {
        match self {
            Reply::Simple(bytes) | Reply::Bulk(bytes) | Reply::Verbatim(_, bytes) => {
                String::from_utf8_lossy(bytes).into_owned()
            }
            Reply::Error(text) | Reply::Double(text) | Reply::BigNumber(text) => text.clone(),
            other => panic!("not a text reply: {other:?}"),
        }
    }

    /// The elements of an array, set or push, and a map's keys and values in turn; panics on another.
    pub fn items(&self) -> Vec<Reply> {
        match self {
            Reply::Array(items) | Reply::Set(items) | Reply::Push(items) => items.clone(),
            Reply::Map(pairs) => pairs.iter().flat_map(|(k, v)| [k.clone(), v.clone()]).collect(),
            other => panic!("not an aggregate reply: {other:?}"),
        }
    }

    /// The value under `key` of a map, or of an array of keys and values (RESP2).
    pub fn get(&self, key: &str) -> Option<Reply> {
        let items = self.items();
        items.chunks_exact(2).find(|pair| pair[0].text() == key).map(|pair| pair[1].clone())
    }

    /// Whether it is an error that begins with `prefix`.
    pub fn is_error(&self, prefix: &str) -> bool {
        matches!(self, Reply::Error(text) if text.starts_with(prefix))
    }
}

/// The first reply in `bytes` and its length, or `None` when more bytes are needed.
///
/// Panics when redis-protocol's decoder and the parser here disagree, or on bytes that are no reply.
pub fn decode(bytes: &[u8], protocol: u8) -> Option<(Reply, usize)> {
    let mut at = 0;
    let parsed = parse(bytes, &mut at);
    let length = parsed.as_ref().map(|_| at);
    match decoded_length(bytes, protocol) {
        Ok(decoded) => assert_eq!(decoded, length, "{}", super::show(bytes)),
        // Two things its frames can't hold: sets of maps, and error texts that echo an argument not in UTF-8.
        Err(error) if error.contains("Invalid hash key") || error.contains("Utf8Error") => {}
        Err(error) => panic!("redis-protocol: {error}: {}", super::show(bytes)),
    }
    parsed.map(|reply| (reply, at))
}

/// The raw bytes of each top-level element of an aggregate's `raw` reply; a map's keys and values in turn.
pub fn elements(raw: &[u8]) -> Vec<&[u8]> {
    let mut at = 0;
    line(raw, &mut at).expect("a complete reply has a first line");
    let mut found = Vec::new();
    while at < raw.len() {
        let start = at;
        parse(raw, &mut at).expect("a complete reply has complete elements");
        found.push(&raw[start..at]);
    }
    found
}

fn decoded_length(bytes: &[u8], protocol: u8) -> Result<Option<usize>, String> {
    let decoded = match protocol {
        2 => resp2::decode::decode(bytes).map(|found| found.map(|(_, used)| used)),
        _ => resp3::decode::complete::decode(bytes).map(|found| found.map(|(_, used)| used)),
    };
    decoded.map_err(|error| error.to_string())
}

fn line<'a>(bytes: &'a [u8], at: &mut usize) -> Option<&'a [u8]> {
    let length = bytes[*at..].windows(2).position(|pair| pair == b"\r\n")?;
    let found = &bytes[*at..*at + length];
    *at += length + 2;
    Some(found)
}

fn blob(bytes: &[u8], at: &mut usize, length: usize) -> Option<Vec<u8>> {
    let found = bytes.get(*at..*at + length + 2)?;
    assert!(found.ends_with(b"\r\n"), "a bulk of {length} bytes doesn't end in CR LF");
    *at += length + 2;
    Some(found[..length].to_vec())
}

fn many(bytes: &[u8], at: &mut usize, count: usize) -> Option<Vec<Reply>> {
    (0..count).map(|_| parse(bytes, at)).collect()
}

fn parse(bytes: &[u8], at: &mut usize) -> Option<Reply> {
    let header = line(bytes, at)?;
    let text = String::from_utf8_lossy(header.get(1..)?).into_owned();
    let number = || text.parse::<i64>().unwrap_or_else(|_| panic!("not a number: {}", super::show(header)));
    let size = || usize::try_from(number()).unwrap_or_else(|_| panic!("length: {}", super::show(header)));
    Some(match header[0] {
        b'+' => Reply::Simple(header[1..].to_vec()),
        b'-' => Reply::Error(text),
        b':' => Reply::Int(number()),
        b'$' | b'*' if text == "-1" => Reply::Null,
        b'$' => Reply::Bulk(blob(bytes, at, size())?),
        b'*' => Reply::Array(many(bytes, at, size())?),
        b'~' => Reply::Set(many(bytes, at, size())?),
        b'>' => Reply::Push(many(bytes, at, size())?),
        b'%' => {
            let flat = many(bytes, at, 2 * size())?;
            Reply::Map(flat.chunks_exact(2).map(|pair| (pair[0].clone(), pair[1].clone())).collect())
        }
        b'_' => Reply::Null,
        b',' => Reply::Double(text),
        b'#' => Reply::Bool(text == "t"),
        b'(' => Reply::BigNumber(text),
        b'=' => {
            let content = blob(bytes, at, size())?;
            Reply::Verbatim(String::from_utf8_lossy(&content[..3]).into_owned(), content[4..].to_vec())
        }
        _ => panic!("not a reply: {}", super::show(&bytes[*at..])),
    })
}

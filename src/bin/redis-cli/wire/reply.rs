//! A reply as a tree.

/// What a server answers, in RESP2 or RESP3.
#[derive(Clone, Debug, PartialEq)]
pub enum Reply {
    /// A short text such as `OK`.
    Status(Vec<u8>),
    /// An error with its code, without the leading `-`.
    Error(Vec<u8>),
    Integer(i64),
    /// A double in the very digits that the server sent.
    Double(Vec<u8>),
    /// An integer of any size, as text.
    BigNumber(Vec<u8>),
    Boolean(bool),
    Bulk(Vec<u8>),
    /// A text meant to be shown as it is; the marker of its format is left out.
    Verbatim(Vec<u8>),
    /// A nil of either protocol, as a string or as an array.
    Nil,
    Array(Vec<Reply>),
    Set(Vec<Reply>),
    /// What the server sends unasked.
    Push(Vec<Reply>),
    /// Pairs in the order in which they were sent.
    Map(Vec<(Reply, Reply)>),
}

impl Reply {
    /// The bytes of any kind of text that isn't an error.
    pub fn text(&self) -> Option<&[u8]> {
        match self {
            Reply::Status(text) | Reply::Bulk(text) | Reply::Verbatim(text) => Some(text),
            _ => None,
        }
    }

    /// The message of an error, for people.
    pub fn error(&self) -> Option<std::borrow::Cow<'_, str>> {
        match self {
            Reply::Error(text) => Some(String::from_utf8_lossy(text)),
            _ => None,
        }
    }

    pub fn is_error(&self) -> bool {
        matches!(self, Reply::Error(_))
    }

    /// The items of an array, a set or a push.
    pub fn items(&self) -> Option<&[Reply]> {
        match self {
            Reply::Array(items) | Reply::Set(items) | Reply::Push(items) => Some(items),
            _ => None,
        }
    }

    /// The pairs of a map, or of an array that stands for one in RESP2.
    pub fn pairs(&self) -> Vec<(&Reply, &Reply)> {
        match self {
            Reply::Map(pairs) => pairs.iter().map(|(key, value)| (key, value)).collect(),
            Reply::Array(items) => items.chunks_exact(2).map(|pair| (&pair[0], &pair[1])).collect(),
            _ => Vec::new(),
        }
    }
}

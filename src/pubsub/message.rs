//! A message on its way to the members of one topic.

use std::cell::OnceCell;

use bytes::Bytes;

use super::Kind;
use crate::resp::{Protocol, Reply};

/// What was published, and its encodings once they are needed.
pub struct Message<'a> {
    kind: Kind,
    /// The topic to whose members it goes: the channel, or a pattern that matches it.
    topic: &'a [u8],
    channel: &'a [u8],
    payload: &'a [u8],
    resp2: OnceCell<Bytes>,
    resp3: OnceCell<Bytes>,
}

impl<'a> Message<'a> {
    pub(super) fn new(kind: Kind, topic: &'a [u8], channel: &'a [u8], payload: &'a [u8]) -> Self {
        Message { kind, topic, channel, payload, resp2: OnceCell::new(), resp3: OnceCell::new() }
    }

    /// The message as a client of this protocol gets it. Cloning it copies no bytes.
    pub fn frame(&self, protocol: Protocol) -> &Bytes {
        let frame = match protocol {
            Protocol::Resp2 => &self.resp2,
            Protocol::Resp3 => &self.resp3,
        };
        frame.get_or_init(|| self.encode(protocol))
    }

    fn encode(&self, protocol: Protocol) -> Bytes {
        let parts: &[&[u8]] = match self.kind {
            Kind::Channel => &[b"message", self.channel, self.payload],
            Kind::Pattern => &[b"pmessage", self.topic, self.channel, self.payload],
            Kind::ShardChannel => &[b"smessage", self.channel, self.payload],
        };
        let mut reply = Reply::new(protocol);
        // In one piece: what is queued for slow clients should not be twice as long as it is.
        reply.reserve(parts.iter().map(|part| part.len() + 10).sum::<usize>() + 32);
        reply.push(parts.len());
        for part in parts {
            reply.bulk(part);
        }
        Bytes::from(reply.take())
    }
}

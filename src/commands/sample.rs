//! Counts of random elements, as SRANDMEMBER, HRANDFIELD and ZRANDMEMBER take them: so many different ones, or,
//! below zero, so many draws of which any may come again.

use std::sync::Arc;

use super::{Call, DONE, Next, Outcome};
use crate::client::Client;
use crate::command::{Error, error};
use crate::keyspace::Stored;
use crate::resp::Reply;

/// A larger sample is better taken from a reference, without locks.
pub const QUICK: usize = 1024;
/// The shortest reply of an element, in bytes.
const LEAST: usize = b"$0\r\n\r\n".len();

/// How long the reply of a sample may get: a short request must not make an endless one.
pub struct Bounds {
    /// In bytes: what is longer is refused.
    most: u64,
    /// Who gets the reply and is cut off if it is more than may wait for it; none if it goes to EXEC or a script.
    client: Option<Arc<Client>>,
}

impl Bounds {
    /// The bounds of a call's reply.
    fn of(call: &Call<'_>) -> Bounds {
        let most = call.settings().clients.proto_max_bulk_len as u64;
        Bounds { most, client: (!call.nested).then(|| Arc::clone(&call.session.client)) }
    }
}

/// How many random elements are asked for.
#[derive(Clone, Copy)]
pub struct Sample {
    count: usize,
    repeats: bool,
}

impl Sample {
    /// The sample that a count asks for.
    pub fn new(count: i64) -> Sample {
        Sample { count: usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX), repeats: count < 0 }
    }

    /// Whether an element may come again.
    pub fn repeats(self) -> bool {
        self.repeats
    }

    /// How many elements a collection of `len` gives.
    pub fn of(self, len: usize) -> usize {
        if self.repeats { self.count } else { self.count.min(len) }
    }

    /// Whether it takes long.
    fn is_heavy(self, is_large: bool) -> bool {
        self.count > QUICK && (self.repeats || is_large)
    }

    /// Answers a sample of a collection as `write` does: one that takes long without locks.
    ///
    /// # Errors
    /// If the key is of another type, and those of `write`.
    pub fn answer<T: Stored + Send + 'static>(
        self,
        call: &mut Call<'_>,
        key: &[u8],
        is_large: fn(&T) -> bool,
        write: impl FnOnce(&mut Reply, &T, &Bounds) -> Result<(), Error> + Send + 'static,
    ) -> Outcome {
        let (bounds, may_put_off) = (Bounds::of(call), call.may_put_off());
        let Some(collection) = call.keys.read::<T>(key)? else {
            call.reply.array(0);
            return DONE;
        };
        if may_put_off && self.is_heavy(is_large(&collection)) {
            let collection = collection.to_owned();
            return Ok(Next::Later(Box::new(move |reply| {
                let from = reply.len();
                if let Err(refusal) = write(reply, &collection, &bounds) {
                    reply.truncate(from);
                    reply.error(refusal.text());
                }
            })));
        }
        write(call.reply, &collection, &bounds)?;
        DONE
    }

    /// Has `draw` write so many draws, bit by bit, as long as there is somebody to read them.
    ///
    /// # Errors
    /// If the reply would be too long.
    pub fn draw(
        self,
        reply: &mut Reply,
        bounds: &Bounds,
        mut draw: impl FnMut(&mut Reply, usize),
    ) -> Result<(), Error> {
        let from = reply.len();
        let mut left = self.count;
        while left > 0 {
            let bytes = (reply.len() - from).saturating_add(left.saturating_mul(LEAST));
            if bounds.client.as_ref().is_some_and(|client| client.refuses_to_send(bytes)) {
                return Ok(());
            }
            if bytes as u64 > bounds.most {
                return Err(error::OUT_OF_RANGE);
            }
            let some = left.min(QUICK);
            draw(reply, some);
            left -= some;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resp::Protocol;

    #[test]
    fn draws_end_with_the_reply_they_may_make() {
        let draw = |count: i64, limit: u64, each: &[u8]| {
            let (mut reply, mut drawn) = (Reply::new(Protocol::Resp2), 0);
            let bounds = Bounds { most: limit, client: None };
            let result = Sample::new(count).draw(&mut reply, &bounds, |reply, some| {
                drawn += some;
                (0..some).for_each(|_| reply.bulk(each));
            });
            (result.is_ok(), drawn)
        };
        assert_eq!(draw(-5000, 1 << 20, b""), (true, 5000));
        assert_eq!(draw(-5000, 29_999, b""), (false, 0));
        assert_eq!(draw(-i64::MAX, 512 << 20, b""), (false, 0));
        // The members are longer than could be foreseen.
        let (done, drawn) = draw(-5000, 100_000, &[b'x'; 100]);
        assert!(!done && drawn < 2 * QUICK, "{drawn}");
    }
}

//! Counts of random elements, as SRANDMEMBER, HRANDFIELD and ZRANDMEMBER take them: so many different ones, or,
//! below zero, so many draws of which any may come again.

use crate::command::{Error, error};
use crate::resp::Reply;

/// A larger sample is better taken from a reference, without locks.
pub const QUICK: usize = 1024;
/// The shortest reply of an element, in bytes.
const LEAST: usize = b"$0\r\n\r\n".len();

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
    pub fn is_heavy(self, is_large: bool) -> bool {
        self.count > QUICK && (self.repeats || is_large)
    }

    /// Has `draw` write so many draws, bit by bit.
    ///
    /// # Errors
    /// If the reply would exceed `limit` bytes: a short request must not make an endless one.
    pub fn draw(
        self,
        reply: &mut Reply,
        limit: u64,
        mut draw: impl FnMut(&mut Reply, usize),
    ) -> Result<(), Error> {
        let is_too_long = |bytes: usize| bytes as u64 > limit;
        let from = reply.len();
        let mut left = self.count;
        while left > 0 {
            if is_too_long((reply.len() - from).saturating_add(left.saturating_mul(LEAST))) {
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
            let result = Sample::new(count).draw(&mut reply, limit, |reply, some| {
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

//! What commands that block share: reading timeouts, and ending a client's waiting from outside.

use super::Server;
use crate::base::num::{LongDouble, parse_f64_lenient, parse_i64};
use crate::client::Blocked;
use crate::command::{Error, error};
use crate::resp::Reply;

/// How CLIENT UNBLOCK ends a client's waiting.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unblock {
    /// As if its time were over.
    Timeout,
    /// With an error.
    Error,
}

/// When a command gives up that is told a number of seconds, with fractions: Unix ms, none for never.
///
/// # Errors
/// The number is none, is negative, or lies beyond 64 bits of ms.
pub fn deadline(timeout: &[u8], now: i64) -> Result<Option<i64>, Error> {
    // Whether it is a number is decided in the precision that Redis reads it in; a double is enough to count ms.
    LongDouble::parse(timeout).ok_or(error::TIMEOUT_NOT_FLOAT)?;
    let seconds = parse_f64_lenient(timeout).map_or(0.0, |number| number.value);
    let ms = (seconds * 1000.0).ceil();
    if ms >= i64::MAX as f64 {
        return Err(error::TIMEOUT_OUT_OF_RANGE);
    }
    deadline_after(ms as i64, now)
}

/// When a command gives up that is told a number of ms: Unix ms, none for never.
///
/// # Errors
/// The number is no integer, is negative, or too large.
pub fn deadline_ms(timeout: &[u8], now: i64) -> Result<Option<i64>, Error> {
    deadline_after(parse_i64(timeout).ok_or(error::TIMEOUT_NOT_INTEGER)?, now)
}

fn deadline_after(ms: i64, now: i64) -> Result<Option<i64>, Error> {
    match ms {
        ..0 => Err(error::TIMEOUT_NEGATIVE),
        0 => Ok(None),
        _ => now.checked_add(ms).map(Some).ok_or(error::TIMEOUT_OUT_OF_RANGE),
    }
}

/// Answers a client that has waited long enough. The caller has claimed it.
pub fn give_up(server: &Server, blocked: &Blocked, how: Unblock, reply: &mut Reply) {
    match how {
        Unblock::Timeout => (blocked.waits.timeout_reply)(reply),
        Unblock::Error => {
            server.stats.error(error::UNBLOCKED.code());
            reply.error(error::UNBLOCKED.text());
        }
    }
    // A command that blocks counts when it is over; waiting is not working.
    let failed = how == Unblock::Error;
    let track = server.config.settings().observe.latency_tracking;
    server.stats.ran(blocked.waits.command, 0, failed, track);
}

/// Ends the waiting of the client with this number; false if it doesn't wait for keys.
pub fn unblock(server: &Server, client: u64, how: Unblock) -> bool {
    let Some(blocked) = server.blocked.of_client(client).filter(|blocked| blocked.claim()) else {
        return false;
    };
    let mut reply = Reply::new(blocked.waits.protocol);
    give_up(server, &blocked, how, &mut reply);
    blocked.answer(reply.take());
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_700_000_000_000;

    fn seconds(timeout: &str) -> Result<Option<i64>, Error> {
        deadline(timeout.as_bytes(), NOW)
    }

    #[test]
    fn fractions_of_seconds_are_rounded_up_to_ms() {
        for (timeout, ms) in
            [("1", 1000), ("0.001", 1), ("0.0001", 1), ("1.5", 1500), ("2.0001", 2001), ("0x10", 16_000)]
        {
            assert_eq!(seconds(timeout), Ok(Some(NOW + ms)), "{timeout}");
        }
        for never in ["0", "0.0", "-0", "-0.0001"] {
            assert_eq!(seconds(never), Ok(None), "{never}");
        }
    }

    #[test]
    fn each_mistake_has_its_text() {
        for timeout in ["", "x", "1 ", " 1", "nan", "1s"] {
            assert_eq!(seconds(timeout), Err(error::TIMEOUT_NOT_FLOAT), "{timeout}");
        }
        for timeout in ["-1", "-0.001", "-inf", "-1e30"] {
            assert_eq!(seconds(timeout), Err(error::TIMEOUT_NEGATIVE), "{timeout}");
        }
        for timeout in ["inf", "1e30", "1e400", "0x7FFFFFFFFFFFFFFF", "9223372036854775"] {
            assert_eq!(seconds(timeout), Err(error::TIMEOUT_OUT_OF_RANGE), "{timeout}");
        }
    }

    #[test]
    fn milliseconds_are_integers() {
        let ms = |timeout: &str| deadline_ms(timeout.as_bytes(), NOW);
        assert_eq!(ms("0"), Ok(None));
        assert_eq!(ms("7"), Ok(Some(NOW + 7)));
        assert_eq!(ms("-1"), Err(error::TIMEOUT_NEGATIVE));
        assert_eq!(ms("1.5"), Err(error::TIMEOUT_NOT_INTEGER));
        assert_eq!(ms("9223372036854775807"), Err(error::TIMEOUT_OUT_OF_RANGE));
    }
}

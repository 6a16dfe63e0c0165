//! The timeouts of commands that wait.

use crate::base::num;
use crate::command::{Error, error};

/// Reads a timeout in seconds, with a fraction; returns when it ends in Unix ms, none for never.
///
/// # Errors
/// If it is no number, negative, or beyond what 64 bits of ms can hold.
pub fn deadline(arg: &[u8], now: i64) -> Result<Option<i64>, Error> {
    let seconds = num::parse_f64(arg).ok_or(error::TIMEOUT_NOT_FLOAT)?;
    let ms = (seconds * 1000.0).ceil();
    if ms >= i64::MAX as f64 {
        return Err(error::TIMEOUT_OUT_OF_RANGE);
    }
    if ms < 0.0 {
        return Err(error::TIMEOUT_NEGATIVE);
    }
    if ms == 0.0 {
        return Ok(None);
    }
    (ms as i64).checked_add(now).map(Some).ok_or(error::TIMEOUT_OUT_OF_RANGE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fractions_down_to_a_millisecond() {
        assert_eq!(deadline(b"0", 5), Ok(None));
        assert_eq!(deadline(b"0.001", 5), Ok(Some(6)));
        assert_eq!(deadline(b"0.0001", 5), Ok(Some(6)));
        assert_eq!(deadline(b"-1", 5), Err(error::TIMEOUT_NEGATIVE));
        assert_eq!(deadline(b"x", 5), Err(error::TIMEOUT_NOT_FLOAT));
        assert_eq!(deadline(b"1e300", 5), Err(error::TIMEOUT_OUT_OF_RANGE));
    }
}

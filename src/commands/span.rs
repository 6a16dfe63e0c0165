//! The four ways in which commands tell times: in seconds or milliseconds, from now on or as a Unix time.

/// The unit and the origin of a time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Span {
    /// From now on.
    Seconds,
    /// From now on.
    Milliseconds,
    /// Since the epoch.
    UnixSeconds,
    /// Since the epoch.
    UnixMilliseconds,
}

impl Span {
    /// Whether it is a Unix time.
    pub fn is_absolute(self) -> bool {
        matches!(self, Span::UnixSeconds | Span::UnixMilliseconds)
    }

    /// Whether it counts seconds.
    pub fn is_in_seconds(self) -> bool {
        matches!(self, Span::Seconds | Span::UnixSeconds)
    }

    /// What it counts from, in Unix ms.
    pub fn origin(self, now: i64) -> i64 {
        if self.is_absolute() { 0 } else { now }
    }

    /// The time that so many units tell, in Unix ms; none if that can't be represented.
    pub fn unix_ms(self, amount: i64, now: i64) -> Option<i64> {
        let ms = if self.is_in_seconds() { amount.checked_mul(1000)? } else { amount };
        ms.checked_add(self.origin(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_by_unit_and_origin() {
        for (span, expected) in [
            (Span::Seconds, 1_000_005_000),
            (Span::Milliseconds, 1_000_000_005),
            (Span::UnixSeconds, 5000),
            (Span::UnixMilliseconds, 5),
        ] {
            assert_eq!(span.unix_ms(5, 1_000_000_000), Some(expected));
        }
        assert_eq!(Span::UnixSeconds.unix_ms(i64::MAX / 1000 + 1, 0), None);
        assert_eq!(Span::Milliseconds.unix_ms(i64::MAX, 1), None);
        assert_eq!(Span::Milliseconds.unix_ms(-7, 5), Some(-2));
    }
}

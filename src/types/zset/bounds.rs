//! Ends of ranges: by score, by member, and the place in the order that either stands for.

/// One end of a range of scores.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ScoreBound {
    /// The score, which may be infinite; never NaN.
    pub value: f64,
    /// Whether the score itself is outside.
    pub exclusive: bool,
}

impl ScoreBound {
    /// Whether a score is high enough for the bound as a minimum.
    pub fn admits_as_min(&self, score: f64) -> bool {
        if self.exclusive { score > self.value } else { score >= self.value }
    }

    /// Whether a score is low enough for the bound as a maximum.
    pub fn admits_as_max(&self, score: f64) -> bool {
        if self.exclusive { score < self.value } else { score <= self.value }
    }
}

/// One end of a range of members, in sets whose scores are all equal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LexBound<'a> {
    /// `-`: before every member.
    Min,
    /// `+`: after every member.
    Max,
    /// `[bytes` or `(bytes`.
    Value {
        /// The member.
        bytes: &'a [u8],
        /// Whether the member itself is outside.
        exclusive: bool,
    },
}

impl LexBound<'_> {
    /// Whether a member is high enough for the bound as a minimum.
    pub fn admits_as_min(&self, member: &[u8]) -> bool {
        match *self {
            LexBound::Min => true,
            LexBound::Max => false,
            LexBound::Value { bytes, exclusive: false } => member >= bytes,
            LexBound::Value { bytes, exclusive: true } => member > bytes,
        }
    }

    /// Whether a member is low enough for the bound as a maximum.
    pub fn admits_as_max(&self, member: &[u8]) -> bool {
        match *self {
            LexBound::Min => false,
            LexBound::Max => true,
            LexBound::Value { bytes, exclusive: false } => member <= bytes,
            LexBound::Value { bytes, exclusive: true } => member < bytes,
        }
    }
}

/// A place between two entries: some prefix of the order lies before it.
#[derive(Clone, Copy)]
pub(super) enum Cut<'a> {
    /// Before the first score that a minimum admits.
    FromScore(ScoreBound),
    /// After the last score that a maximum admits.
    ToScore(ScoreBound),
    /// Before the first member that a minimum admits.
    FromMember(LexBound<'a>),
    /// After the last member that a maximum admits.
    ToMember(LexBound<'a>),
}

impl Cut<'_> {
    /// Whether an entry lies before the cut.
    #[inline]
    pub fn is_after<'m>(&self, score: f64, member: impl FnOnce() -> &'m [u8]) -> bool {
        match self {
            Cut::FromScore(min) => !min.admits_as_min(score),
            Cut::ToScore(max) => max.admits_as_max(score),
            Cut::FromMember(min) => !min.admits_as_min(member()),
            Cut::ToMember(max) => max.admits_as_max(member()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exclusive_bounds_leave_themselves_out() {
        let bound = |exclusive| ScoreBound { value: 2.0, exclusive };
        let admitted =
            |bound: ScoreBound| [1.0, 2.0, 3.0].map(|n| (bound.admits_as_min(n), bound.admits_as_max(n)));
        assert_eq!(admitted(bound(false)), [(false, true), (true, true), (true, false)]);
        assert_eq!(admitted(bound(true)), [(false, true), (false, false), (true, false)]);
        let admitted = |bound: LexBound| {
            ["a", "b", "ba"].map(|m| (bound.admits_as_min(m.as_bytes()), bound.admits_as_max(m.as_bytes())))
        };
        let value = |exclusive| LexBound::Value { bytes: b"b", exclusive };
        assert_eq!(admitted(value(false)), [(false, true), (true, true), (true, false)]);
        assert_eq!(admitted(value(true)), [(false, true), (false, false), (true, false)]);
        assert_eq!(admitted(LexBound::Min), [(true, false); 3]);
        assert_eq!(admitted(LexBound::Max), [(false, true); 3]);
    }
}

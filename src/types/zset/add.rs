//! Adding members and changing scores, under the conditions of ZADD.

use std::sync::Arc;

use super::large::Large;
use super::{Form, Zset, ZsetLimits, small};

/// The conditions of ZADD. The command refuses NX with any of XX, GT, LT, and GT with LT.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct AddFlags {
    /// Only members that are not there.
    pub nx: bool,
    /// Only members that are there.
    pub xx: bool,
    /// Raise the score of a member that is there, or leave it.
    pub gt: bool,
    /// Lower the score of a member that is there, or leave it.
    pub lt: bool,
    /// The score is added to the one that is there.
    pub incr: bool,
}

/// What became of a member, with the score it has now.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum AddOutcome {
    /// It is new.
    Added(f64),
    /// It was there and has another score now.
    Updated(f64),
    /// It was there with this score.
    Unchanged(f64),
    /// The conditions were not met.
    Skipped,
}

/// A score, or the sum of an increment, is not a number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NotANumber;

impl AddFlags {
    /// What becomes of a member that has the score `current` or is not there.
    fn decide(self, current: Option<f64>, score: f64) -> Result<AddOutcome, NotANumber> {
        if score.is_nan() {
            return Err(NotANumber);
        }
        let Some(current) = current else {
            return Ok(if self.xx { AddOutcome::Skipped } else { AddOutcome::Added(score) });
        };
        if self.nx {
            return Ok(AddOutcome::Skipped);
        }
        let score = if self.incr { current + score } else { score };
        if score.is_nan() {
            return Err(NotANumber);
        }
        if (self.gt && score <= current) || (self.lt && score >= current) {
            return Ok(AddOutcome::Skipped);
        }
        Ok(if score == current { AddOutcome::Unchanged(score) } else { AddOutcome::Updated(score) })
    }
}

impl Zset {
    /// Makes ready for adding `count` members of which the first has `first_len` bytes, as ZADD does:
    /// chooses the form of an empty set, and makes a small one large that might become too large.
    pub fn prepare(&mut self, first_len: usize, count: usize, limits: &ZsetLimits) {
        let fits = count <= limits.max_listpack_entries
            && (!self.is_empty() || first_len <= limits.max_listpack_value);
        if self.is_empty() && fits {
            *self = Zset::new();
        } else if !fits {
            self.enlarge();
        }
    }

    /// Adds a member or changes its score, if the flags permit.
    ///
    /// # Errors
    /// If the sum of a score and an increment is no number; then nothing has changed.
    pub fn add(
        &mut self,
        member: &[u8],
        score: f64,
        flags: AddFlags,
        limits: &ZsetLimits,
    ) -> Result<AddOutcome, NotANumber> {
        match &mut self.0 {
            Form::Small(listpack) => {
                let found = small::find(listpack.as_ref(), member);
                let outcome = flags.decide(found.map(|found| found.score), score)?;
                match (outcome, found) {
                    (AddOutcome::Added(score), _) => self.insert(member, score, limits),
                    (AddOutcome::Updated(score), Some(found)) => {
                        small::update(listpack, member, found, score);
                    }
                    _ => {}
                }
                Ok(outcome)
            }
            Form::Large(large) => {
                let found = large.find(member);
                let outcome = flags.decide(found.map(|found| found.score), score)?;
                match (outcome, found) {
                    (AddOutcome::Added(score), _) => Arc::make_mut(large).insert(member, score),
                    (AddOutcome::Updated(score), Some(found)) => {
                        Arc::make_mut(large).update(member, found, score);
                    }
                    _ => {}
                }
                Ok(outcome)
            }
        }
    }

    /// Adds a member that is not there.
    fn insert(&mut self, member: &[u8], score: f64, limits: &ZsetLimits) {
        if let Form::Small(listpack) = &mut self.0 {
            let fits = listpack.len() / 2 < limits.max_listpack_entries
                && member.len() <= limits.max_listpack_value
                && listpack.has_room_for(member.len());
            if fits {
                return small::insert(listpack, member, score);
            }
            self.enlarge();
        }
        if let Form::Large(large) = &mut self.0 {
            Large::insert(Arc::make_mut(large), member, score);
        }
    }
}

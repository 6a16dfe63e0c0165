//! Deadlines of fields: what HEXPIRE and its kin ask and set, and expiry itself.
//!
//! The answers are typed; their documentation gives the number with which Redis tells each.

use smallvec::SmallVec;

use super::fields::FieldValue;
use super::{Form, Hash, timed};
use crate::types::chunked::Shape;

/// When a deadline is to be set only.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Condition {
    /// NX: if the field has none.
    NoDeadline,
    /// XX: if the field has one.
    HasDeadline,
    /// GT: if it is later than the one there is; none is later than any.
    Later,
    /// LT: if it is earlier than the one there is; any is earlier than none.
    Earlier,
}

impl Condition {
    fn is_met(self, old: Option<i64>, new: i64) -> bool {
        match (self, old) {
            (Condition::NoDeadline | Condition::Earlier, None) => true,
            (Condition::HasDeadline | Condition::Later, None) => false,
            (Condition::NoDeadline, Some(_)) => false,
            (Condition::HasDeadline, Some(_)) => true,
            (Condition::Later, Some(old)) => new > old,
            (Condition::Earlier, Some(old)) => new < old,
        }
    }
}

/// What became of setting a deadline.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SetDeadline {
    /// There is no such field: -2.
    NoField,
    /// The condition is not met: 0.
    NotMet,
    /// It is set: 1.
    Set,
    /// It is not after `now`, and the field is removed: 2.
    Removed,
}

/// What became of clearing a deadline.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ClearDeadline {
    /// There is no such field, or it is expired: -2.
    NoField,
    /// It has no deadline: -1.
    NoDeadline,
    /// It is cleared: 1.
    Cleared,
}

/// The deadline of a field.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FieldDeadline {
    /// There is no such field, or it is expired: -2.
    NoField,
    /// It has no deadline: -1.
    NoDeadline,
    /// It has this one.
    At(i64),
}

impl Hash {
    /// The deadline of a field.
    pub fn deadline(&self, field: &[u8], now: i64) -> FieldDeadline {
        match self.find(field) {
            Some(found) if !found.is_expired(now) => {
                found.deadline.map_or(FieldDeadline::NoDeadline, FieldDeadline::At)
            }
            _ => FieldDeadline::NoField,
        }
    }

    /// Sets the deadline of a field, expired or not, if the condition is met. Removes the field if the
    /// deadline is not after `now`.
    ///
    /// A listpack becomes a timed one even if there is no such field.
    pub fn set_deadline(
        &mut self,
        field: &[u8],
        at: i64,
        condition: Option<Condition>,
        now: i64,
    ) -> SetDeadline {
        if let Form::Packed(listpack) = &self.0 {
            self.0 = Form::Timed(timed::from_pairs(listpack.as_ref()));
        }
        let Some(found) = self.find(field) else { return SetDeadline::NoField };
        if condition.is_some_and(|condition| !condition.is_met(found.deadline, at)) {
            return SetDeadline::NotMet;
        }
        if at <= now {
            self.remove(field);
            return SetDeadline::Removed;
        }
        self.change_deadline(field, Some(at));
        SetDeadline::Set
    }

    /// Clears the deadline of a field that is not expired.
    pub fn clear_deadline(&mut self, field: &[u8], now: i64) -> ClearDeadline {
        match self.deadline(field, now) {
            FieldDeadline::NoField => ClearDeadline::NoField,
            FieldDeadline::NoDeadline => ClearDeadline::NoDeadline,
            FieldDeadline::At(_) => {
                self.change_deadline(field, None);
                ClearDeadline::Cleared
            }
        }
    }

    /// The earliest deadline of any field; none if no field has one. Takes no time.
    #[inline]
    pub fn next_expiry(&self) -> Option<i64> {
        match &self.0 {
            Form::Packed(_) => None,
            Form::Timed(listpack) => timed::first_deadline(listpack.as_ref()),
            Form::Large(table) => Some(table.summary()).filter(|&at| at != super::Fields::NOTHING),
        }
    }

    /// Removes fields whose deadline is not after `now`, at most `budget`, and returns them. Any are left if
    /// [`next_expiry`](Hash::next_expiry) is still not after `now`.
    pub fn expire_due(&mut self, now: i64, budget: usize) -> Vec<Vec<u8>> {
        match &mut self.0 {
            Form::Packed(_) => Vec::new(),
            Form::Timed(listpack) => timed::expire_due(listpack, now, budget),
            Form::Large(table) => {
                let mut due = Vec::new();
                let is_due = |value: FieldValue<'_>| value.deadline.is_some_and(|at| at <= now);
                table.extract(|earliest| earliest <= now, is_due, budget, |field| due.push(field.to_vec()));
                due
            }
        }
    }

    /// Gives a field that is there another deadline or none, which 0 means too.
    fn change_deadline(&mut self, field: &[u8], deadline: Option<i64>) {
        let deadline = deadline.filter(|&at| at > 0);
        match &mut self.0 {
            Form::Packed(_) => {}
            Form::Timed(listpack) => {
                if let Some((pos, _)) = timed::find(listpack.as_ref(), field) {
                    timed::set_deadline(listpack, field, pos, deadline);
                }
            }
            Form::Large(table) => {
                if let Some(old) = table.get(field) {
                    let bytes = SmallVec::<[u8; 128]>::from_slice(old.bytes);
                    table.set(field, FieldValue { bytes: &bytes, deadline });
                }
            }
        }
    }
}

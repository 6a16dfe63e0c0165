//! Random fields: HRANDFIELD. Expired fields are chosen like others; the caller removes them before.

use super::{Entry, Form, Hash};
use crate::types::chunked::distinct_ranks;

/// Below this share of the fields a sample is looked up one by one, above it is picked out of a walk.
const WALK_SHARE: usize = 16;

impl Hash {
    /// A field at random, each as likely as any other.
    pub fn random(&self) -> Option<Entry<'_>> {
        match &self.0 {
            Form::Large(table) => table.random().map(|(field, value)| Entry::large(field, value)),
            _ if self.is_empty() => None,
            _ => self.iter().nth(fastrand::usize(..self.len())),
        }
    }

    /// Visits `count` fields at random, the same one perhaps several times; none if there are none.
    pub fn sample_with_repeats<'a>(&'a self, count: usize, mut visit: impl FnMut(Entry<'a>)) {
        if self.is_empty() {
            return;
        }
        if let Form::Large(_) = &self.0 {
            return (0..count).filter_map(|_| self.random()).for_each(visit);
        }
        let entries: Vec<_> = self.iter().collect();
        (0..count).for_each(|_| visit(entries[fastrand::usize(..entries.len())]));
    }

    /// Visits `count` different fields at random, or all if there are no more.
    pub fn sample<'a>(&'a self, count: usize, mut visit: impl FnMut(Entry<'a>)) {
        let ranks = distinct_ranks(self.len(), count);
        match &self.0 {
            Form::Large(table) if count < table.len() / WALK_SHARE => {
                let fields = ranks.iter().filter_map(|&rank| table.nth(rank));
                fields.for_each(|(field, value)| visit(Entry::large(field, value)));
            }
            _ => {
                let mut ranks = ranks.iter().copied().peekable();
                for (rank, entry) in self.iter().enumerate() {
                    if ranks.next_if_eq(&rank).is_some() {
                        visit(entry);
                    }
                }
            }
        }
    }
}

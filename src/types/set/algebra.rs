//! Intersection, union and difference.
//!
//! The results have the forms that Redis gives them. Keys that don't exist can be given as empty sets.

use super::{Form, Packed, Set, SetLimits};
use crate::types::listpack::{Item, Listpack};

/// Visits the members that all of `sets` have, `limit` of them at most, and returns how many they are.
///
/// The smallest set is walked and the others are asked, so it takes the size of the smallest times the
/// number of sets.
pub fn intersect<'a>(sets: &[&'a Set], limit: usize, mut visit: impl FnMut(Item<'a>)) -> usize {
    let ordered = by_size(sets);
    let Some((smallest, others)) = ordered.split_first() else { return 0 };
    let mut found = 0;
    for member in smallest.iter() {
        if found == limit {
            break;
        }
        if others.iter().all(|set| std::ptr::eq(*set, *smallest) || set.contains_item(member)) {
            visit(member);
            found += 1;
        }
    }
    found
}

/// The intersection as a set of its own: what SINTERSTORE stores.
pub fn intersection(sets: &[&Set], limits: &SetLimits) -> Set {
    // Appending to a listpack is cheaper than inserting into an intset, unless the members come sorted.
    let sorted = by_size(sets).first().is_some_and(|smallest| matches!(smallest.0, Form::Ints(_)));
    let mut result = if sorted { Set::new() } else { Set::from_packed(Packed::Listpack(Listpack::new())) };
    let mut integers = true;
    intersect(sets, usize::MAX, |member| {
        integers = integers && member.integer().is_some();
        result.insert_item(member, limits);
    });
    if integers {
        result.pack_integers(limits);
    }
    result
}

/// The members of all `sets` together.
///
/// If one of them is large enough, the result begins as a clone of it and shares what the others don't add
/// to, in memory and in time.
pub fn union(sets: &[&Set], limits: &SetLimits) -> Set {
    let largest = sets.iter().max_by_key(|set| set.len()).filter(|set| is_surely_large(set, 0, limits));
    let mut result = largest.map_or_else(Set::new, |set| (*set).clone());
    let others = sets.iter().filter(|set| largest.is_none_or(|largest| !std::ptr::eq(**set, *largest)));
    for member in others.flat_map(|set| set.iter()) {
        result.insert_item(member, limits);
    }
    result
}

/// The members of `first` that none of `others` has.
///
/// Either each member of the first set is looked for in the others, or all members of the others are
/// removed from a copy of the first; Redis's estimate of the work decides, since the form of the result
/// depends on it. Where it doesn't, a clone of the first set makes the second way the cheaper one.
pub fn difference(first: &Set, others: &[&Set], limits: &SetLimits) -> Set {
    let others: Vec<&Set> = others.iter().copied().filter(|set| !set.is_empty()).collect();
    let to_remove = others.iter().fold(0usize, |sum, set| sum.saturating_add(set.len()));
    if to_remove <= first.len() && is_surely_large(first, to_remove, limits) {
        return without(first.clone(), &others);
    }
    let looking_up = first.len().saturating_mul(1 + others.len()) / 2;
    if looking_up <= first.len().saturating_add(to_remove) {
        lacking(first, &others, limits)
    } else {
        without(union(&[first], limits), &others)
    }
}

/// Whether a set that is large now would be built as a large one without `fewer` of its members.
fn is_surely_large(set: &Set, fewer: usize, limits: &SetLimits) -> bool {
    matches!(set.0, Form::Large(_)) && set.len().saturating_sub(fewer) > limits.small_entries()
}

fn lacking(first: &Set, others: &[&Set], limits: &SetLimits) -> Set {
    // In the largest set a member is likeliest to be found.
    let others = by_size(others);
    let mut result = Set::new();
    for member in first.iter() {
        if !others.iter().rev().any(|set| set.contains_item(member)) {
            result.insert_item(member, limits);
        }
    }
    result
}

fn without(mut first: Set, others: &[&Set]) -> Set {
    for set in others {
        if first.is_empty() {
            break;
        }
        for member in set.iter() {
            first.remove_item(member);
        }
    }
    first
}

fn by_size<'a>(sets: &[&'a Set]) -> Vec<&'a Set> {
    let mut ordered = sets.to_vec();
    ordered.sort_by_key(|set| set.len());
    ordered
}

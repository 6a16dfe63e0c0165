//! The small form of a sorted set: member and score in turns in a listpack, in order.
//!
//! A score that is an integer within half the range of `i64` is stored as one, any other as its text.

use std::ops::Range;

use super::bounds::{LexBound, ScoreBound};
use crate::base::num::{DoubleText, IntText, exact_i64, parse_f64_lenient};
use crate::types::listpack::{Encoded, Item, Listpack, ListpackRef, Pos};

/// A member that was found: the position of the member, and the score.
#[derive(Clone, Copy)]
pub(super) struct Found {
    pub pos: Pos,
    pub score: f64,
}

/// What a look at all pairs shows.
pub(super) struct Pairs {
    pub len: usize,
    pub is_in_order: bool,
    pub has_duplicates: bool,
}

/// Looks at pairs from outside; nothing if the elements aren't pairs of a member and a score.
pub(super) fn check(listpack: ListpackRef<'_>) -> Option<Pairs> {
    let mut items = listpack.iter();
    let (mut text, mut text_before) = (IntText::new(), IntText::new());
    let mut pairs = Pairs { len: 0, is_in_order: true, has_duplicates: listpack.has_repeats(2) };
    let mut last: Option<(Item<'_>, f64)> = None;
    while let Some(member) = items.next() {
        let score = read_score(items.next()?)?;
        pairs.len += 1;
        pairs.is_in_order &= last.is_none_or(|(before, than)| {
            than < score || than == score && before.as_bytes(&mut text_before) < member.as_bytes(&mut text)
        });
        last = Some((member, score));
    }
    Some(pairs)
}

/// The pairs in order.
pub(super) fn pairs(listpack: ListpackRef<'_>) -> impl Iterator<Item = (Item<'_>, f64)> {
    let mut items = listpack.iter();
    std::iter::from_fn(move || Some((items.next()?, score_of(items.next()?))))
}

/// Looks a member up.
pub(super) fn find(listpack: ListpackRef<'_>, member: &[u8]) -> Option<Found> {
    let pos = listpack.find(member, 1)?;
    let score = score_of(listpack.at(listpack.next(pos)?));
    Some(Found { pos, score })
}

/// Pairs before a member that was found.
pub(super) fn rank(listpack: ListpackRef<'_>, found: Found) -> usize {
    listpack.iter_before(found.pos).count() / 2
}

/// Adds a pair behind all others.
pub(super) fn push(listpack: &mut Listpack, member: &[u8], score: f64) {
    insert_at(listpack, listpack.as_ref().end(), member, score);
}

/// Adds a member that is not there.
pub(super) fn insert(listpack: &mut Listpack, member: &[u8], score: f64) {
    let place = place_of(listpack.as_ref(), member, score);
    insert_at(listpack, place, member, score);
}

/// Gives a member another score.
pub(super) fn update(listpack: &mut Listpack, member: &[u8], found: Found, score: f64) {
    let view = listpack.as_ref();
    let score_at = |pos| score_of(view.at(pos));
    let Some(own) = view.next(found.pos) else { return };
    let before = view.prev(found.pos).map(score_at);
    let after = view.next(own).and_then(|next| view.next(next)).map(score_at);
    if before.is_none_or(|before| before < score) && after.is_none_or(|after| score < after) {
        // It stays between its neighbours.
        return listpack.replace(own, &score_element(score));
    }
    listpack.delete_from(found.pos, 2);
    insert(listpack, member, score);
}

/// The ranks within bounds of the score.
pub(super) fn score_range(listpack: ListpackRef<'_>, min: ScoreBound, max: ScoreBound) -> Range<usize> {
    let start = pairs(listpack).take_while(|(_, score)| !min.admits_as_min(*score)).count();
    let within = pairs(listpack).skip(start).take_while(|(_, score)| max.admits_as_max(*score)).count();
    start..start + within
}

/// The ranks within bounds of the member, as Redis finds them from the one end or the other. Where scores
/// differ, members are in no order, and what it finds depends on where it looks first.
pub(super) fn lex_range(
    listpack: ListpackRef<'_>,
    min: LexBound,
    max: LexBound,
    reverse: bool,
) -> Range<usize> {
    let mut text = IntText::new();
    let mut from_min = |item: Item| min.admits_as_min(item.as_bytes(&mut text));
    let mut text = IntText::new();
    let mut to_max = |item: Item| max.admits_as_max(item.as_bytes(&mut text));
    let (Some(first), Some(last)) = (listpack.get(0), listpack.get(-2)) else { return 0..0 };
    if !from_min(last) || !to_max(first) {
        return 0..0;
    }
    if !reverse {
        let members = || listpack.iter().step_by(2);
        let start = members().take_while(|&item| !from_min(item)).count();
        return start..start + members().skip(start).take_while(|&item| to_max(item)).count();
    }
    let members = || listpack.iter().rev().skip(1).step_by(2);
    let after = members().take_while(|&item| !to_max(item)).count();
    let within = members().skip(after).take_while(|&item| from_min(item)).count();
    let end = listpack.len() / 2 - after;
    end - within..end
}

/// The score that an element of our own stands for.
#[inline]
pub(super) fn score_of(item: Item<'_>) -> f64 {
    read_score(item).unwrap_or(0.0)
}

fn read_score(item: Item<'_>) -> Option<f64> {
    match item {
        Item::Int(score) => Some(score as f64),
        Item::Bytes(text) => parse_f64_lenient(text).map(|number| number.value),
    }
}

/// The position before which a pair belongs.
fn place_of(listpack: ListpackRef<'_>, member: &[u8], score: f64) -> Pos {
    // New members often have the highest score.
    let highest = listpack.last().map(|pos| score_of(listpack.at(pos)));
    if highest.is_none_or(|highest| highest < score) {
        return listpack.end();
    }
    let mut text = IntText::new();
    let mut next = listpack.first();
    while let Some(pos) = next {
        let Some(after) = listpack.next(pos) else { break };
        let other = score_of(listpack.at(after));
        if other > score || (other == score && listpack.at(pos).as_bytes(&mut text) > member) {
            return pos;
        }
        next = listpack.next(after);
    }
    listpack.end()
}

fn insert_at(listpack: &mut Listpack, pos: Pos, member: &[u8], score: f64) {
    listpack.insert_before(pos, member);
    listpack.insert_after(pos, &score_element(score));
}

/// A score as an element.
enum ScoreElement {
    Int(i64),
    Text(DoubleText),
}

fn score_element(score: f64) -> ScoreElement {
    match exact_i64(score) {
        Some(score) => ScoreElement::Int(score),
        None => ScoreElement::Text(DoubleText::new(score)),
    }
}

impl<'a> From<&'a ScoreElement> for Encoded<'a> {
    fn from(score: &'a ScoreElement) -> Self {
        match score {
            ScoreElement::Int(score) => Encoded::from(*score),
            ScoreElement::Text(text) => Encoded::from(text.as_bytes()),
        }
    }
}

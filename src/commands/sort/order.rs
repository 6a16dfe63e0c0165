//! Putting elements in order: as numbers or as text, by themselves or by a weight that each has been given.

use std::cmp::Ordering;
use std::ops::Range;

use super::partial::sort_part;
use crate::base::c_text::until_nul;
use crate::base::num::{IntText, parse_f64_lenient};
use crate::types::listpack::Item;

/// How elements are compared.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Order {
    /// As text instead of as numbers.
    pub alpha: bool,
    /// The last ones first.
    pub descending: bool,
    /// Text is compared to its end. Otherwise it ends at a NUL, as it does for C's `strcoll`, with which Redis
    /// sorts what it doesn't store.
    pub whole_text: bool,
}

/// An element or a weight is no number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NotNumbers;

impl Order {
    /// Sorts elements by themselves.
    pub fn sort(self, items: &mut [Item<'_>]) -> Result<(), NotNumbers> {
        if self.alpha {
            items.sort_by(|&a, &b| self.direct(self.compare_items(a, b)));
            return Ok(());
        }
        let scores = items.iter().map(|&item| score(item)).collect::<Result<Vec<_>, _>>()?;
        sort_pairs(items, scores, 0..items.len(), |one, other| self.compare_scored(one, other));
        Ok(())
    }

    /// Sorts elements by weights of their own, given in the same order, as far as `part` asks for. Where there is no
    /// weight, it counts as zero, and as less than any text.
    pub fn sort_by_weights(
        self,
        items: &mut [Item<'_>],
        weights: Vec<Option<Vec<u8>>>,
        part: Range<usize>,
    ) -> Result<(), NotNumbers> {
        if self.alpha {
            let by_text = |a: &Option<Vec<u8>>, b: &Option<Vec<u8>>| match (a, b) {
                (Some(a), Some(b)) => self.compare_text(a, b),
                _ => a.is_some().cmp(&b.is_some()),
            };
            sort_pairs(items, weights, part, |(a, _), (b, _)| self.direct(by_text(a, b)));
        } else {
            let score = |weight: &Option<Vec<u8>>| match weight {
                Some(weight) => score(Item::Bytes(weight)),
                None => Ok(0.0),
            };
            let scores = weights.iter().map(score).collect::<Result<Vec<_>, _>>()?;
            sort_pairs(items, scores, part, |one, other| self.compare_scored(one, other));
        }
        Ok(())
    }

    /// Equal scores are told apart by the elements' text, so that the order never depends on where they came from.
    fn compare_scored(self, (a, one): &(f64, Item<'_>), (b, other): &(f64, Item<'_>)) -> Ordering {
        let by_score = a.partial_cmp(b).unwrap_or(Ordering::Equal);
        self.direct(by_score.then_with(|| compare_bytes(*one, *other)))
    }

    fn direct(self, order: Ordering) -> Ordering {
        if self.descending { order.reverse() } else { order }
    }

    fn compare_items(self, a: Item<'_>, b: Item<'_>) -> Ordering {
        self.compare_text(a.as_bytes(&mut IntText::new()), b.as_bytes(&mut IntText::new()))
    }

    fn compare_text(self, a: &[u8], b: &[u8]) -> Ordering {
        if self.whole_text { a.cmp(b) } else { until_nul(a).cmp(until_nul(b)) }
    }
}

/// Sorts items by keys, as far as `part` asks for; all of them stably.
fn sort_pairs<'i, K>(
    items: &mut [Item<'i>],
    keys: Vec<K>,
    part: Range<usize>,
    compare: impl FnMut(&(K, Item<'i>), &(K, Item<'i>)) -> Ordering,
) {
    let mut pairs: Vec<_> = keys.into_iter().zip(items.iter().copied()).collect();
    if part == (0..pairs.len()) {
        pairs.sort_by(compare);
    } else {
        sort_part(&mut pairs, part, compare);
    }
    items.iter_mut().zip(pairs).for_each(|(place, (_, item))| *place = item);
}

fn compare_bytes(a: Item<'_>, b: Item<'_>) -> Ordering {
    a.as_bytes(&mut IntText::new()).cmp(b.as_bytes(&mut IntText::new()))
}

fn score(item: Item<'_>) -> Result<f64, NotNumbers> {
    match item {
        Item::Int(n) => Ok(n as f64),
        Item::Bytes(text) => {
            let number = parse_f64_lenient(text).filter(|number| !number.out_of_range).ok_or(NotNumbers)?;
            Ok(number.value)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NUMBERS: Order = Order { alpha: false, descending: false, whole_text: false };
    const TEXT: Order = Order { alpha: true, ..NUMBERS };

    fn sorted(order: Order, items: &[&str]) -> Result<Vec<String>, NotNumbers> {
        let mut items: Vec<Item<'_>> =
            items.iter().map(|text| text.parse().map_or(Item::Bytes(text.as_bytes()), Item::Int)).collect();
        order.sort(&mut items)?;
        Ok(items.iter().map(|item| String::from_utf8(item.to_vec()).unwrap()).collect())
    }

    #[test]
    fn numbers_by_value_and_then_by_text() {
        assert_eq!(
            sorted(NUMBERS, &["10", "9", "1.5", "-inf", "1e1"]).unwrap(),
            ["-inf", "1.5", "9", "10", "1e1"]
        );
        let descending = Order { descending: true, ..NUMBERS };
        assert_eq!(sorted(descending, &["10", "1e1", "9"]).unwrap(), ["1e1", "10", "9"]);
        for not_a_number in ["x", "1x", "nan", "1e400"] {
            assert_eq!(sorted(NUMBERS, &["1", not_a_number]), Err(NotNumbers));
        }
    }

    #[test]
    fn text_by_bytes() {
        assert_eq!(sorted(TEXT, &["b", "10", "9", "a", ""]).unwrap(), ["", "10", "9", "a", "b"]);
        // Equal up to the NUL: the order in which they came.
        assert_eq!(sorted(TEXT, &["a\0z", "a\0b"]).unwrap(), ["a\0z", "a\0b"]);
        let whole = Order { whole_text: true, ..TEXT };
        assert_eq!(sorted(whole, &["a\0z", "a\0b"]).unwrap(), ["a\0b", "a\0z"]);
    }

    #[test]
    fn weights_that_are_missing_come_first() {
        let by_weight = |order: Order, weights: [Option<&str>; 3]| {
            let mut items = [Item::Bytes(b"a"), Item::Bytes(b"b"), Item::Bytes(b"c")];
            let weights = weights.map(|weight| weight.map(|text| text.as_bytes().to_vec())).to_vec();
            order
                .sort_by_weights(&mut items, weights, 0..3)
                .map(|()| items.map(|item| item.to_vec()).concat())
        };
        assert_eq!(by_weight(NUMBERS, [Some("2"), None, Some("-1")]).unwrap(), b"cba");
        assert_eq!(by_weight(TEXT, [Some("y"), Some("x"), None]).unwrap(), b"cba");
        assert_eq!(by_weight(TEXT, [None, None, None]).unwrap(), b"abc");
        assert_eq!(by_weight(NUMBERS, [Some("2"), None, Some("x")]), Err(NotNumbers));
    }
}

//! Sorting only as far as a part of the result asks for.
//!
//! It is the quicksort of Bentley and McIlroy, "Engineering a Sort Function" (1993), which passes over the pieces
//! that the part has nothing of. It isn't stable, and which of several equal elements come into the part is seen by
//! clients: so pivots are chosen and equal elements are kept aside just as Redis's `pqsort` does it.

use std::cmp::Ordering;
use std::ops::Range;

/// Below so many elements, insertion sort.
const FEW: usize = 7;
/// Above so many, the pivot is a median of medians.
const MANY: usize = 40;

/// Puts the elements into the places `part` that would be there if all were sorted.
pub fn sort_part<T>(all: &mut [T], part: Range<usize>, mut compare: impl FnMut(&T, &T) -> Ordering) {
    // A piece is halved about as often as this; who knows how pivots are chosen could otherwise make it take for ever.
    let patience = 2 * (usize::BITS - all.len().leading_zeros());
    sort_piece(all, 0, &part, patience, &mut compare);
}

/// Sorts a piece that begins at the place `start`.
fn sort_piece<T>(
    mut piece: &mut [T],
    mut start: usize,
    part: &Range<usize>,
    mut patience: u32,
    compare: &mut impl FnMut(&T, &T) -> Ordering,
) {
    loop {
        if piece.len() < FEW {
            return sort_few(piece, compare);
        }
        let Some(left) = patience.checked_sub(1) else { return piece.sort_by(compare) };
        patience = left;
        let (less, greater) = split(piece, compare);
        let is_wanted =
            |from: usize, len: usize| len > 1 && start + from < part.end && start + from + len > part.start;
        let rest = piece.len() - greater;
        if is_wanted(0, less) {
            sort_piece(&mut piece[..less], start, part, patience, compare);
        }
        if !is_wanted(rest, greater) {
            return;
        }
        piece = &mut piece[rest..];
        start += rest;
    }
}

fn sort_few<T>(piece: &mut [T], compare: &mut impl FnMut(&T, &T) -> Ordering) {
    for end in 1..piece.len() {
        let mut at = end;
        while at > 0 && compare(&piece[at - 1], &piece[at]).is_gt() {
            piece.swap(at - 1, at);
            at -= 1;
        }
    }
}

/// Puts what is less than a pivot to the front and what is greater to the back; tells how many are either.
fn split<T>(piece: &mut [T], compare: &mut impl FnMut(&T, &T) -> Ordering) -> (usize, usize) {
    let len = piece.len();
    piece.swap(0, pivot(piece, compare));
    // While it runs: equal | less | not looked at | greater | equal.
    //                0..a    a..b    b..c            c..d      d..
    let (mut a, mut b, mut c, mut d) = (1, 1, len, len);
    loop {
        while b < c {
            match compare(&piece[b], &piece[0]) {
                Ordering::Greater => break,
                Ordering::Less => {}
                Ordering::Equal => {
                    piece.swap(a, b);
                    a += 1;
                }
            }
            b += 1;
        }
        while b < c {
            match compare(&piece[c - 1], &piece[0]) {
                Ordering::Less => break,
                Ordering::Greater => {}
                Ordering::Equal => {
                    d -= 1;
                    piece.swap(c - 1, d);
                }
            }
            c -= 1;
        }
        if b >= c {
            break;
        }
        piece.swap(b, c - 1);
        b += 1;
        c -= 1;
    }
    let (less, greater) = (b - a, d - c);
    exchange(piece, 0, b, a.min(less));
    exchange(piece, b, len, greater.min(len - d));
    (less, greater)
}

/// Exchanges `count` elements from `from` on with as many before `end`.
fn exchange<T>(piece: &mut [T], from: usize, end: usize, count: usize) {
    for at in 0..count {
        piece.swap(from + at, end - count + at);
    }
}

/// The index of an element that is likely to be in the middle.
fn pivot<T>(piece: &[T], compare: &mut impl FnMut(&T, &T) -> Ordering) -> usize {
    let (mut first, mut middle, mut last) = (0, piece.len() / 2, piece.len() - 1);
    if piece.len() > MANY {
        let step = piece.len() / 8;
        first = median(piece, [0, step, 2 * step], compare);
        middle = median(piece, [middle - step, middle, middle + step], compare);
        last = median(piece, [last - 2 * step, last - step, last], compare);
    }
    if piece.len() > FEW { median(piece, [first, middle, last], compare) } else { middle }
}

/// The index of the one of three elements that is between the others.
fn median<T>(piece: &[T], [a, b, c]: [usize; 3], compare: &mut impl FnMut(&T, &T) -> Ordering) -> usize {
    let mut less = |one: usize, other: usize| compare(&piece[one], &piece[other]).is_lt();
    if less(a, b) {
        if less(b, c) {
            b
        } else if less(a, c) {
            c
        } else {
            a
        }
    } else if less(c, b) {
        b
    } else if less(a, c) {
        a
    } else {
        c
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn equal_elements_trade_places_as_in_redis() {
        // Recorded: of equal weights the pivot, the last element, comes to the front.
        let mut all: Vec<(u8, usize)> = (0..100).map(|at| (0, at)).collect();
        sort_part(&mut all, 1..100, |one, other| one.0.cmp(&other.0));
        assert_eq!((all[0].1, all[1].1, all[99].1), (99, 1, 0));
    }

    proptest! {
        #[test]
        fn the_part_is_as_in_a_full_sort(
            mut values in prop::collection::vec(0i32..50, 0..300),
            from in 0usize..300,
            len in 0usize..300,
        ) {
            let mut sorted = values.clone();
            sorted.sort_unstable();
            let from = from.min(values.len());
            let part = from..(from + len).min(values.len());
            sort_part(&mut values, part.clone(), Ord::cmp);
            prop_assert_eq!(&values[part.clone()], &sorted[part]);
            values.sort_unstable();
            prop_assert_eq!(values, sorted);
        }
    }
}

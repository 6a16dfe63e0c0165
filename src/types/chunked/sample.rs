//! Random choices without repetition.

use std::collections::HashSet;

/// `count` different ranks below `len` in ascending order, every choice as likely as any other; all ranks if
/// there are no more than `count`.
pub fn distinct_ranks(len: usize, count: usize) -> Vec<usize> {
    if count >= len {
        return (0..len).collect();
    }
    if count > len / 8 {
        return one_by_one(len, count);
    }
    // Floyd: of the numbers up to `last`, draw one; if it is taken, `last` itself can't be.
    let mut chosen = HashSet::with_capacity(count);
    for last in len - count..len {
        if !chosen.insert(fastrand::usize(..=last)) {
            chosen.insert(last);
        }
    }
    let mut ranks: Vec<usize> = chosen.into_iter().collect();
    ranks.sort_unstable();
    ranks
}

/// Takes each rank with the probability (ranks still wanted) / (ranks still to come).
fn one_by_one(len: usize, count: usize) -> Vec<usize> {
    let mut ranks = Vec::with_capacity(count);
    for rank in 0..len {
        if fastrand::usize(..len - rank) < count - ranks.len() {
            ranks.push(rank);
        }
    }
    ranks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_are_distinct_and_evenly_chosen() {
        fastrand::seed(7);
        for (len, count) in [(0, 3), (5, 9), (40, 3), (40, 30), (1000, 20)] {
            let mut hits = vec![0u32; len];
            for _ in 0..4000 {
                let ranks = distinct_ranks(len, count);
                assert_eq!(ranks.len(), count.min(len));
                assert!(ranks.is_sorted_by(|a, b| a < b));
                ranks.iter().for_each(|&rank| hits[rank] += 1);
            }
            let expected = 4000.0 * count.min(len) as f64 / len as f64;
            // Six standard deviations of a binomial, at most.
            let slack = 6.0 * expected.sqrt() + 1.0;
            assert!(hits.iter().all(|&n| (f64::from(n) - expected).abs() <= slack), "{hits:?}");
        }
    }
}

//! From registers to a cardinality.
//!
//! The estimator is the improved raw one of Otmar Ertl, "New cardinality estimation algorithms for
//! HyperLogLog sketches" (arXiv:1702.01284), algorithm 6: it needs the registers' histogram only and has no
//! special cases for small and large cardinalities.

use super::REGISTERS;

/// The greatest run that a hash can have; see `hash::place`.
const MAX_RUN: usize = 51;

/// All registers of one log or of a union, a byte each.
pub struct Registers {
    values: Box<[u8]>,
}

impl Default for Registers {
    fn default() -> Self {
        Self::new()
    }
}

impl Registers {
    /// Registers that have seen nothing.
    pub fn new() -> Registers {
        Registers { values: vec![0; REGISTERS].into() }
    }

    /// The 16384 registers.
    pub fn values(&self) -> &[u8] {
        &self.values
    }

    pub(super) fn values_mut(&mut self) -> &mut [u8] {
        &mut self.values
    }

    /// Estimates the cardinality.
    pub fn count(&self) -> u64 {
        let mut histogram = Histogram::default();
        self.values.iter().for_each(|&value| histogram.add(value, 1));
        histogram.cardinality()
    }
}

/// How many registers have each value.
pub struct Histogram([u32; 64]);

impl Default for Histogram {
    fn default() -> Self {
        Histogram([0; 64])
    }
}

impl Histogram {
    /// Counts registers of a value, which has 6 bits.
    pub fn add(&mut self, value: u8, registers: u32) {
        self.0[usize::from(value & 63)] += registers;
    }

    /// Estimates the cardinality. Values that no hash can give are left out.
    pub fn cardinality(&self) -> u64 {
        const ALPHA: f64 = 0.5 / std::f64::consts::LN_2;
        let m = REGISTERS as f64;
        let share = |value: usize| f64::from(self.0[value]) / m;
        let mut z = m * tau((m - f64::from(self.0[MAX_RUN])) / m);
        for value in (1..MAX_RUN).rev() {
            z = (z + f64::from(self.0[value])) * 0.5;
        }
        z += m * sigma(share(0));
        let estimate = (ALPHA * m * m / z).round();
        // C's `llround` gives the least integer if the result is out of range.
        if estimate < (1u64 << 63) as f64 { estimate as u64 } else { 1 << 63 }
    }
}

/// Correction for registers still at 0.
fn sigma(mut x: f64) -> f64 {
    if x == 1.0 {
        return f64::INFINITY;
    }
    let (mut y, mut z) = (1.0, x);
    loop {
        x *= x;
        let before = z;
        z += x * y;
        y += y;
        if z == before {
            return z;
        }
    }
}

/// Correction for registers at the greatest value.
fn tau(mut x: f64) -> f64 {
    if x == 0.0 || x == 1.0 {
        return 0.0;
    }
    let (mut y, mut z) = (1.0, 1.0 - x);
    loop {
        x = x.sqrt();
        let before = z;
        y *= 0.5;
        z -= (1.0 - x) * (1.0 - x) * y;
        if z == before {
            return z / 3.0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cardinality(registers: &[(u8, u32)]) -> u64 {
        let mut histogram = Histogram::default();
        registers.iter().for_each(|&(value, count)| histogram.add(value, count));
        histogram.cardinality()
    }

    #[test]
    fn extremes_are_those_of_redis() {
        assert_eq!(cardinality(&[(0, 16384)]), 0);
        assert_eq!(cardinality(&[(0, 16383), (1, 1)]), 1);
        assert_eq!(cardinality(&[(51, 16384)]), 1 << 63);
        assert_eq!(cardinality(&[(50, 16384)]), 1 << 63);
        assert_eq!(cardinality(&[(63, 16384)]), 1 << 63);
    }
}

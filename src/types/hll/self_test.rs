//! PFSELFTEST: checks the registers and the error of the estimate at run time.

use super::{Encoding, Hll, REGISTERS, Registers, add, add_dense, dense, empty, to_dense};

/// What a self-test found wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SelfTestFailure {
    /// A register doesn't hold what was put into it.
    Register {
        /// Index of the register.
        index: usize,
        /// What was put in.
        expected: u8,
        /// What came out.
        found: u8,
    },
    /// A log of few elements is not sparse.
    NotSparse,
    /// The two encodings give different counts.
    Disagree,
    /// The count is too far off.
    TooInexact {
        /// The true cardinality.
        cardinality: u64,
        /// The count's distance from it.
        error: u64,
    },
}

/// Sets all registers at random `cycles` times, then counts growing logs of up to `elements` elements
/// at each power of ten. Redis does 1000 cycles and 10 million elements, which takes seconds.
///
/// # Errors
/// What is wrong.
pub fn self_test(cycles: u32, elements: u64, sparse_limit: usize) -> Result<(), SelfTestFailure> {
    let mut log = empty();
    to_dense(&mut log).expect("an empty log is valid");
    for _ in 0..cycles {
        check_registers(&mut log)?;
    }
    check_counts(elements, sparse_limit)
}

fn check_registers(log: &mut [u8]) -> Result<(), SelfTestFailure> {
    let mut values = [0u8; REGISTERS];
    for (index, value) in values.iter_mut().enumerate() {
        *value = fastrand::u8(..64);
        dense::set(log, index, *value);
    }
    let mut registers = Registers::new();
    Hll::new(log).and_then(|log| log.merge_into(&mut registers)).expect("a dense log is valid");
    for (index, (&expected, &found)) in values.iter().zip(registers.values()).enumerate() {
        if expected != found {
            return Err(SelfTestFailure::Register { index, expected, found });
        }
    }
    Ok(())
}

fn check_counts(elements: u64, sparse_limit: usize) -> Result<(), SelfTestFailure> {
    const RELATIVE_ERROR: f64 = 1.04 / 128.0;
    let (mut growing, mut always_dense) = (empty(), empty());
    to_dense(&mut always_dense).expect("an empty log is valid");
    let seed = fastrand::u64(..);
    let mut checkpoint = 1;
    for number in 1..=elements {
        let element = (number ^ seed).to_le_bytes();
        add_dense(&mut always_dense, &element);
        add(&mut growing, &element, sparse_limit).expect("our own log is valid");
        if number != checkpoint {
            continue;
        }
        let log = Hll::new(&growing).expect("our own log is valid");
        if number < sparse_limit as u64 / 2 && log.encoding() != Encoding::Sparse {
            return Err(SelfTestFailure::NotSparse);
        }
        let counted = log.count();
        if counted != Hll::new(&always_dense).and_then(|log| log.count()) {
            return Err(SelfTestFailure::Disagree);
        }
        let error = counted.expect("our own log is valid").abs_diff(checkpoint);
        // Six standard errors. Among ten elements a collision is likely enough to be allowed for.
        let allowed = match checkpoint {
            10 => 1,
            _ => (RELATIVE_ERROR * 6.0 * checkpoint as f64).ceil() as u64,
        };
        if error > allowed {
            return Err(SelfTestFailure::TooInexact { cardinality: checkpoint, error });
        }
        checkpoint *= 10;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passes() {
        assert_eq!(self_test(3, 10_000, 3000), Ok(()));
    }
}

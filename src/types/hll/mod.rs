//! HyperLogLog: how many distinct elements were seen, in at most 12 KB, with an error of 0.81%.
//!
//! Each element is hashed to 64 bits. The low 14 bits choose one of 16384 registers, and a register keeps
//! the longest run of zeros (plus one) that the other 50 bits ever began with. The registers tell the
//! cardinality, and their maxima over several logs tell the cardinality of the union.
//!
//! A log is a string value that clients may read, copy and write, so its bytes are part of the contract:
//!
//! ```text
//! "HYLL" | encoding | 3 bytes unused | cardinality, 64 bits little endian | registers
//! ```
//!
//! The cardinality is that of the last count; its top bit says that the registers changed since. The
//! encoding is 0 for [`dense`] registers, 6 bits each, or 1 for [`sparse`] ones, run-length coded. A log
//! begins sparse and becomes dense, for good, when it has outgrown a limit or a register exceeds 32.
//!
//! Clients can also forge logs, so nothing is taken on trust: [`Hll::new`] checks the header, and every
//! walk over runs checks that they stay within the bytes and cover the registers exactly.

mod dense;
mod estimate;
mod hash;
mod self_test;
mod sparse;

use std::fmt::Write;

pub use estimate::Registers;
pub use self_test::{SelfTestFailure, self_test};

/// Registers of every log.
pub const REGISTERS: usize = 1 << 14;

const HEADER: usize = 16;
const MAGIC: &[u8; 4] = b"HYLL";
const ENCODING: usize = 4;
const CARDINALITY: std::ops::Range<usize> = 8..16;
/// In the last byte of the cardinality: it is out of date.
const STALE: u8 = 0x80;

/// Why a value can't be used as a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HllError {
    /// The header is not that of a log.
    NotHll,
    /// The header is, but the registers make no sense.
    Corrupted,
}

/// How the registers are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// 6 bits per register, 12304 bytes in all.
    Dense,
    /// Runs of equal registers.
    Sparse,
}

/// A value with the header of a log; its registers may still turn out to be corrupted.
#[derive(Clone, Copy, Debug)]
pub struct Hll<'a> {
    bytes: &'a [u8],
    encoding: Encoding,
}

impl<'a> Hll<'a> {
    /// Checks the header, and the length of a dense log.
    ///
    /// # Errors
    /// If the bytes don't begin as a log does, or a dense one is of another length.
    pub fn new(bytes: &'a [u8]) -> Result<Hll<'a>, HllError> {
        if bytes.len() < HEADER || !bytes.starts_with(MAGIC) {
            return Err(HllError::NotHll);
        }
        let encoding = match bytes[ENCODING] {
            0 if bytes.len() == dense::SIZE => Encoding::Dense,
            1 => Encoding::Sparse,
            _ => return Err(HllError::NotHll),
        };
        Ok(Hll { bytes, encoding })
    }

    /// How the registers are stored.
    pub fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// The cardinality as last stored by [`store_count`], unless the log changed since.
    pub fn cached_count(&self) -> Option<u64> {
        let bytes = self.bytes[CARDINALITY].try_into().expect("eight bytes");
        (self.bytes[CARDINALITY.end - 1] & STALE == 0).then_some(u64::from_le_bytes(bytes))
    }

    /// Estimates the cardinality from the registers.
    ///
    /// # Errors
    /// If the registers make no sense.
    pub fn count(&self) -> Result<u64, HllError> {
        let mut histogram = estimate::Histogram::default();
        match self.encoding {
            Encoding::Dense => dense::for_each(self.bytes, |value| histogram.add(value, 1)),
            Encoding::Sparse => {
                for run in sparse::runs(self.bytes) {
                    let run = run?;
                    histogram.add(run.value, run.len.into());
                }
            }
        }
        Ok(histogram.cardinality())
    }

    /// Raises each register to that of this log.
    ///
    /// If the log is corrupted, some registers may be raised already.
    pub fn merge_into(&self, registers: &mut Registers) -> Result<(), HllError> {
        match self.encoding {
            Encoding::Dense => dense::merge(self.bytes, registers.values_mut()),
            Encoding::Sparse => {
                let mut slots = registers.values_mut().iter_mut();
                for run in sparse::runs(self.bytes) {
                    let run = run?;
                    for slot in slots.by_ref().take(run.len.into()) {
                        *slot = run.value.max(*slot);
                    }
                }
            }
        }
        Ok(())
    }

    /// The runs of a sparse log as text, `None` for a dense one: `Z:16380 v:3,1 z:3` is a long run of
    /// zeros, a register of 3 and a short run of zeros.
    ///
    /// # Errors
    /// If the runs make no sense.
    pub fn describe_runs(&self) -> Result<Option<String>, HllError> {
        if self.encoding == Encoding::Dense {
            return Ok(None);
        }
        let mut text = String::new();
        for run in sparse::runs(self.bytes) {
            let run = run?;
            let _ = match (run.value, run.size) {
                (0, 1) => write!(text, "z:{} ", run.len),
                (0, _) => write!(text, "Z:{} ", run.len),
                (value, _) => write!(text, "v:{value},{} ", run.len),
            };
        }
        text.truncate(text.trim_end().len());
        Ok(Some(text))
    }
}

/// A log that has seen nothing: sparse, with a count that is out of date.
pub fn empty() -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEADER + 2);
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(&[1, 0, 0, 0]);
    bytes.extend_from_slice(&[0; 8]);
    bytes[CARDINALITY.end - 1] = STALE;
    sparse::push_zeros(&mut bytes, REGISTERS as u16);
    bytes
}

/// Adds an element; true if a register was raised, so that the count may have changed.
///
/// A sparse log that would exceed `sparse_limit` bytes, header included, becomes dense.
///
/// # Errors
/// If the value is no log, or its runs make no sense.
pub fn add(value: &mut Vec<u8>, element: &[u8], sparse_limit: usize) -> Result<bool, HllError> {
    let (register, run) = hash::place(element);
    raise(value, register, run, sparse_limit)
}

/// Adds an element to a dense log in place; true if a register was raised. `None` if the log isn't dense.
pub fn add_dense(value: &mut [u8], element: &[u8]) -> Option<bool> {
    if !matches!(Hll::new(value), Ok(Hll { encoding: Encoding::Dense, .. })) {
        return None;
    }
    let (register, run) = hash::place(element);
    let raised = dense::raise(value, register, run);
    if raised {
        invalidate_count(value);
    }
    Some(raised)
}

/// Raises each register of a log to those given; the log becomes dense first if `make_dense` says so.
///
/// # Errors
/// As for [`add`].
pub fn merge(
    value: &mut Vec<u8>,
    registers: &Registers,
    make_dense: bool,
    sparse_limit: usize,
) -> Result<(), HllError> {
    if make_dense {
        to_dense(value)?;
    } else {
        Hll::new(value)?;
    }
    for (register, &run) in registers.values().iter().enumerate() {
        if run > 0 {
            raise(value, register, run, sparse_limit)?;
        }
    }
    invalidate_count(value);
    Ok(())
}

/// Makes a log dense, keeping its count; true if it was sparse.
///
/// # Errors
/// As for [`add`].
pub fn to_dense(value: &mut Vec<u8>) -> Result<bool, HllError> {
    if Hll::new(value)?.encoding == Encoding::Dense {
        return Ok(false);
    }
    let mut bytes = vec![0; dense::SIZE];
    bytes[..HEADER].copy_from_slice(&value[..HEADER]);
    bytes[ENCODING] = 0;
    let mut register = 0;
    for run in sparse::runs(value) {
        let run = run?;
        let end = register + usize::from(run.len);
        if run.value > 0 {
            (register..end).for_each(|register| dense::set(&mut bytes, register, run.value));
        }
        register = end;
    }
    *value = bytes;
    Ok(true)
}

/// Remembers a count in the log itself, for [`Hll::cached_count`].
///
/// # Panics
/// If `value` has no header.
pub fn store_count(value: &mut [u8], count: u64) {
    value[CARDINALITY].copy_from_slice(&count.to_le_bytes());
}

fn invalidate_count(value: &mut [u8]) {
    value[CARDINALITY.end - 1] |= STALE;
}

fn raise(value: &mut Vec<u8>, register: usize, run: u8, sparse_limit: usize) -> Result<bool, HllError> {
    let raised = match Hll::new(value)?.encoding {
        Encoding::Dense => dense::raise(value, register, run),
        Encoding::Sparse => match sparse::raise(value, register, run, sparse_limit)? {
            sparse::Raised::No => false,
            sparse::Raised::Yes => true,
            sparse::Raised::Outgrown => {
                to_dense(value)?;
                dense::raise(value, register, run)
            }
        },
    };
    if raised {
        invalidate_count(value);
    }
    Ok(raised)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LIMIT: usize = 3000;

    fn log_of(elements: impl IntoIterator<Item = u32>, limit: usize) -> Vec<u8> {
        let mut log = empty();
        for element in elements {
            add(&mut log, element.to_string().as_bytes(), limit).unwrap();
        }
        log
    }

    fn count(log: &[u8]) -> u64 {
        Hll::new(log).unwrap().count().unwrap()
    }

    fn registers(log: &[u8]) -> Vec<u8> {
        let mut registers = Registers::new();
        Hll::new(log).unwrap().merge_into(&mut registers).unwrap();
        registers.values().to_vec()
    }

    #[test]
    fn writes_the_bytes_that_redis_writes() {
        let mut log = empty();
        assert_eq!(log, b"HYLL\x01\0\0\0\0\0\0\0\0\0\0\x80\x7f\xff");
        assert_eq!(add(&mut log, b"m18", LIMIT), Ok(true));
        assert_eq!(log, b"HYLL\x01\0\0\0\0\0\0\0\0\0\0\x80lL\x80S\xb1");
        assert_eq!(add(&mut log, b"m18", LIMIT), Ok(false));
        assert_eq!(Hll::new(&log).unwrap().describe_runs(), Ok(Some("Z:11341 v:1,1 Z:5042".into())));
    }

    #[test]
    fn counts_are_remembered_until_a_change() {
        let mut log = log_of(0..100, LIMIT);
        assert_eq!(Hll::new(&log).unwrap().cached_count(), None);
        store_count(&mut log, 100);
        assert_eq!(Hll::new(&log).unwrap().cached_count(), Some(100));
        assert_eq!(to_dense(&mut log), Ok(true));
        assert_eq!(Hll::new(&log).unwrap().cached_count(), Some(100));
        assert_eq!(add_dense(&mut log, b"something new"), Some(true));
        assert_eq!(Hll::new(&log).unwrap().cached_count(), None);
    }

    #[test]
    fn outgrows_the_sparse_encoding_at_the_limit() {
        let (mut log, mut longest) = (empty(), 0);
        for element in 0u32.. {
            add(&mut log, &element.to_le_bytes(), 200).unwrap();
            if Hll::new(&log).unwrap().encoding() == Encoding::Dense {
                assert_eq!(log.len(), dense::SIZE);
                break;
            }
            longest = log.len();
        }
        assert!((190..=200).contains(&longest), "{longest}");
        assert_eq!(Hll::new(&log_of(0..10_000, 16_000)).unwrap().encoding(), Encoding::Sparse);
    }

    #[test]
    fn estimates_within_the_error() {
        for size in [0u32, 1, 10, 100, 1000, 10_000, 100_000] {
            let counted = count(&log_of(0..size, LIMIT)) as f64;
            assert!((counted - f64::from(size)).abs() <= f64::from(size) * 0.03, "{size}: {counted}");
        }
    }

    #[test]
    fn refuses_forged_headers() {
        let sparse = empty();
        let dense = {
            let mut log = empty();
            to_dense(&mut log).unwrap();
            log
        };
        let mut unknown = sparse.clone();
        unknown[ENCODING] = 2;
        for bad in
            [&b""[..], b"HYLL", b"hello, this is no log", &sparse[1..], &dense[..dense.len() - 1], &unknown]
        {
            assert_eq!(Hll::new(bad).err(), Some(HllError::NotHll));
        }
        assert_eq!(add_dense(&mut empty(), b"x"), None);
    }

    #[test]
    fn refuses_forged_runs() {
        for runs in [&b""[..], b"\x7f", b"\x7f\xfe", b"\x7f\xff\x00", b"\x7f\xff\x80", b"\x7f\xfd\x83"] {
            let mut log = empty();
            log.truncate(HEADER);
            log.extend_from_slice(runs);
            let hll = Hll::new(&log).unwrap();
            assert_eq!(hll.count(), Err(HllError::Corrupted), "{runs:?}");
            assert_eq!(hll.describe_runs(), Err(HllError::Corrupted));
            assert_eq!(hll.merge_into(&mut Registers::new()), Err(HllError::Corrupted));
            assert_eq!(to_dense(&mut log), Err(HllError::Corrupted));
        }
    }

    #[test]
    fn merges_to_the_union() {
        let (one, two) = (log_of(0..300, LIMIT), log_of(200..600, LIMIT));
        let mut union = Registers::new();
        Hll::new(&one).unwrap().merge_into(&mut union).unwrap();
        Hll::new(&two).unwrap().merge_into(&mut union).unwrap();
        for make_dense in [false, true] {
            let mut target = one.clone();
            merge(&mut target, &union, make_dense, LIMIT).unwrap();
            assert_eq!(Hll::new(&target).unwrap().encoding() == Encoding::Dense, make_dense);
            assert_eq!(count(&target), union.count());
            assert_eq!(registers(&target), registers(&log_of(0..600, LIMIT)));
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn both_encodings_hold_the_same_registers(raises in prop::collection::vec((0usize..300, 1u8..34), 0..300)) {
            let (mut sparse, mut dense, mut model) = (empty(), empty(), Registers::new());
            to_dense(&mut dense).unwrap();
            for (register, run) in raises {
                let raised = model.values()[register] < run;
                model.values_mut()[register] = run.max(model.values()[register]);
                prop_assert_eq!(raise(&mut sparse, register, run, LIMIT), Ok(raised));
                prop_assert_eq!(raise(&mut dense, register, run, LIMIT), Ok(raised));
            }
            prop_assert_eq!(registers(&sparse), model.values());
            prop_assert_eq!(registers(&dense), model.values());
            prop_assert_eq!(count(&sparse), model.count());
            prop_assert_eq!(count(&dense), model.count());
            to_dense(&mut sparse).unwrap();
            prop_assert_eq!(&sparse[HEADER..], &dense[HEADER..]);
        }

        #[test]
        fn hostile_runs_are_harmless(runs: Vec<u8>, register in 0usize..REGISTERS, run in 1u8..40) {
            let mut log = empty();
            log.truncate(HEADER);
            log.extend_from_slice(&runs);
            let _ = raise(&mut log, register, run, LIMIT);
            let _ = Hll::new(&log).unwrap().merge_into(&mut Registers::new());
            let _ = to_dense(&mut log);
        }
    }
}

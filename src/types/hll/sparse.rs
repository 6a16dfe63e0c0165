//! The sparse encoding: runs of equal registers.
//!
//! ```text
//! 00llllll           l+1 registers of 0 (1 to 64)
//! 01llllll llllllll  l+1 registers of 0 (1 to 16384)
//! 1vvvvvll           l+1 registers of v+1 (1 to 4 registers, values 1 to 32)
//! ```
//!
//! Raising a register splits the run it is in into up to three, then joins neighbours of the same value.
//! Which of them are joined decides the bytes of the log, so the scan is bounded exactly as in Redis: five
//! steps from the run before the one that was split.

use super::{HEADER, HllError, REGISTERS};

/// The greatest register value that a run can have.
const MAX_VALUE: u8 = 32;
const MAX_VALUE_RUN: u16 = 4;
const MAX_SHORT_ZEROS: u16 = 64;

/// A run of equal registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    pub value: u8,
    /// Registers covered, at least 1.
    pub len: u16,
    /// Bytes that the run takes.
    pub size: usize,
}

/// Outcome of [`raise`].
#[derive(Debug, PartialEq, Eq)]
pub enum Raised {
    No,
    Yes,
    /// The log must become dense first; it is unchanged.
    Outgrown,
}

/// The runs of a log; an error if they are cut off, or don't cover the registers exactly.
pub fn runs(bytes: &[u8]) -> impl Iterator<Item = Result<Run, HllError>> {
    let (mut at, mut left) = (HEADER, REGISTERS);
    std::iter::from_fn(move || {
        if at == bytes.len() {
            return (left > 0).then(|| {
                left = 0;
                Err(HllError::Corrupted)
            });
        }
        let run = read(bytes, at).and_then(|run| {
            left = left.checked_sub(run.len.into()).ok_or(HllError::Corrupted)?;
            Ok(run)
        });
        match run {
            Ok(run) => at += run.size,
            Err(_) => (at, left) = (bytes.len(), 0),
        }
        Some(run)
    })
}

fn read(bytes: &[u8], at: usize) -> Result<Run, HllError> {
    let byte = *bytes.get(at).ok_or(HllError::Corrupted)?;
    let low = u16::from(byte & 0x3f);
    Ok(match byte >> 6 {
        0 => Run { value: 0, len: low + 1, size: 1 },
        1 => {
            let next = *bytes.get(at + 1).ok_or(HllError::Corrupted)?;
            Run { value: 0, len: (low << 8 | u16::from(next)) + 1, size: 2 }
        }
        _ => Run { value: (byte >> 2 & 0x1f) + 1, len: (low & 3) + 1, size: 1 },
    })
}

/// Appends a run of zeros, if it isn't empty.
pub fn push_zeros(out: &mut impl Extend<u8>, len: u16) {
    if len > MAX_SHORT_ZEROS {
        out.extend([0x40 | ((len - 1) >> 8) as u8, (len - 1) as u8]);
    } else if len > 0 {
        out.extend([(len - 1) as u8]);
    }
}

fn push_run(out: &mut impl Extend<u8>, value: u8, len: u16) {
    if value == 0 {
        push_zeros(out, len);
    } else if len > 0 {
        out.extend([value_run(value, len)]);
    }
}

/// The byte of a run of 1 to 4 registers that aren't 0.
fn value_run(value: u8, len: u16) -> u8 {
    0x80 | (value - 1) << 2 | (len - 1) as u8
}

/// Raises a register to `to` (at least 1) if the log stays within `limit` bytes.
pub fn raise(bytes: &mut Vec<u8>, register: usize, to: u8, limit: usize) -> Result<Raised, HllError> {
    if to > MAX_VALUE {
        return Ok(Raised::Outgrown);
    }
    let (mut at, mut first, mut before) = (HEADER, 0, HEADER);
    let run = loop {
        let run = read(bytes, at)?;
        if register < first + usize::from(run.len) {
            break run;
        }
        before = at;
        at += run.size;
        first += usize::from(run.len);
    };
    if run.value >= to {
        return Ok(Raised::No);
    }
    let mut split = smallvec::SmallVec::<[u8; 8]>::new();
    let position = (register - first) as u16;
    push_run(&mut split, run.value, position);
    push_run(&mut split, to, 1);
    push_run(&mut split, run.value, run.len - position - 1);
    if split.len() > run.size && bytes.len() + split.len() - run.size > limit {
        return Ok(Raised::Outgrown);
    }
    bytes.splice(at..at + run.size, split);
    join(bytes, before);
    Ok(Raised::Yes)
}

/// Joins runs of the same value from `at` on, in five steps at most.
fn join(bytes: &mut Vec<u8>, mut at: usize) {
    for _ in 0..5 {
        let Ok(run) = read(bytes, at) else { return };
        match read(bytes, at + 1) {
            Ok(next) if run.value > 0 && next.value == run.value && run.len + next.len <= MAX_VALUE_RUN => {
                bytes[at + 1] = value_run(run.value, run.len + next.len);
                bytes.remove(at);
            }
            _ => at += run.size,
        }
    }
}

//! The dense encoding: 16384 registers of 6 bits, low bits first, four registers in three bytes.
//!
//! ```text
//! |11000000|22221111|33333322|  most significant bit of each byte on the left
//! ```

use super::{HEADER, REGISTERS};

/// Length of a dense log in bytes.
pub const SIZE: usize = HEADER + REGISTERS * 6 / 8;

const MASK: u32 = 63;

/// Tells the registers one after the other.
pub fn for_each(bytes: &[u8], mut visit: impl FnMut(u8)) {
    for group in bytes[HEADER..SIZE].chunks_exact(3) {
        let group = load(group);
        for register in 0..4 {
            visit((group >> (6 * register) & MASK) as u8);
        }
    }
}

/// Raises each of `registers` to that of the log.
pub fn merge(bytes: &[u8], registers: &mut [u8]) {
    for (group, slots) in bytes[HEADER..SIZE].chunks_exact(3).zip(registers.chunks_exact_mut(4)) {
        let group = load(group);
        for (index, slot) in slots.iter_mut().enumerate() {
            *slot = (*slot).max((group >> (6 * index) & MASK) as u8);
        }
    }
}

/// Raises a register to `run`; true if it was lower.
pub fn raise(bytes: &mut [u8], register: usize, run: u8) -> bool {
    let old = load(&bytes[group(register)]) >> shift(register) & MASK;
    let higher = u32::from(run) > old;
    if higher {
        set(bytes, register, run);
    }
    higher
}

/// Sets a register to `run`, below 64.
pub fn set(bytes: &mut [u8], register: usize, run: u8) {
    let group = &mut bytes[group(register)];
    let cleared = load(group) & !(MASK << shift(register));
    let all = (cleared | u32::from(run) << shift(register)).to_le_bytes();
    group.copy_from_slice(&all[..3]);
}

/// The three bytes that hold a register.
fn group(register: usize) -> std::ops::Range<usize> {
    let start = HEADER + register / 4 * 3;
    start..start + 3
}

fn shift(register: usize) -> usize {
    register % 4 * 6
}

fn load(group: &[u8]) -> u32 {
    u32::from(group[0]) | u32::from(group[1]) << 8 | u32::from(group[2]) << 16
}

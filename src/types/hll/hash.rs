//! Where an element goes: MurmurHash64A split into a register and a run of zeros.

use super::REGISTERS;

const SEED: u64 = 0xadc8_3b19;
/// Bits of the hash that choose the register.
const INDEX_BITS: u32 = REGISTERS.trailing_zeros();

/// The register of an element, and the length of the zeros its other hash bits begin with, plus one (1 to 51).
pub fn place(element: &[u8]) -> (usize, u8) {
    let hash = murmur64a(element);
    let register = hash as usize % REGISTERS;
    let rest = hash >> INDEX_BITS | 1 << (64 - INDEX_BITS);
    (register, rest.trailing_zeros() as u8 + 1)
}

/// MurmurHash2 of Austin Appleby, 64-bit version "A".
fn murmur64a(bytes: &[u8]) -> u64 {
    const M: u64 = 0xc6a4_a793_5bd1_e995;
    const R: u32 = 47;
    let mut hash = SEED ^ (bytes.len() as u64).wrapping_mul(M);
    let mut words = bytes.chunks_exact(8);
    for word in words.by_ref() {
        let mut word = u64::from_le_bytes(word.try_into().expect("chunks of eight bytes")).wrapping_mul(M);
        word = (word ^ word >> R).wrapping_mul(M);
        hash = (hash ^ word).wrapping_mul(M);
    }
    let rest = words.remainder();
    if !rest.is_empty() {
        let mut word = [0; 8];
        word[..rest.len()].copy_from_slice(rest);
        hash = (hash ^ u64::from_le_bytes(word)).wrapping_mul(M);
    }
    hash = (hash ^ hash >> R).wrapping_mul(M);
    hash ^ hash >> R
}

//! The data types as pure data with their encodings: no clock, configuration, I/O or replies.

pub mod bitfield;
pub mod bitmap;
pub mod chunked;
pub mod geo;
pub mod hash;
pub mod hll;
pub mod intset;
pub mod lcs;
pub mod list;
pub mod listpack;
mod parting;
pub mod set;
pub mod stream;
pub mod zset;

pub use self::parting::spent_bytes;

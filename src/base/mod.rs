//! Leaves that two or more folders use: number text, C's texts, quoted words, globs, checksums, time, the allocator.
//!
//! Nothing here knows of keys, commands or clients.

pub mod alloc;
pub mod c_text;
pub mod clock;
pub mod crc;
pub mod glob;
pub mod hash;
pub mod listen;
pub mod lzf;
pub mod manners;
pub mod num;
pub mod oom_score;
pub mod open_files;
pub mod prefetch;
pub mod reaper;
pub mod replace;
pub mod size_class;
pub mod task;
mod ticks;
pub mod words;
pub mod worker;

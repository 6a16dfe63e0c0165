//! Persistence: formats, which are pure, apart from the lifecycle of files.

pub mod aof;
pub mod rdb;
pub mod snapshot;

//! Persistence: formats, which are pure, apart from the lifecycle of files.

pub mod rdb;

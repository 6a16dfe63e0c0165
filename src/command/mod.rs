//! The vocabulary of commands: spec rows, flags, key specs, argument cursor, error texts.

pub mod args;
pub mod error;
pub mod keys;
pub mod row;
pub mod spec;
pub mod syntax;

pub use self::args::Args;
pub use self::error::Error;
pub use self::keys::{Begin, Find, KeySpec};
pub use self::spec::Spec;

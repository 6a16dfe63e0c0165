//! What every test here stands on: a server in a temporary folder, a blocking client that keeps the raw
//! bytes of each reply, and the facts about the server under test that decide what can be asked of it.

mod client;
mod process;
mod reference;
mod reply;
mod server;

pub use client::{Client, pipeline, request};
pub use process::{Finished, program, run, run_with_stdin};
pub use reference::{ReferenceCommands, lowercase, supported_commands};
pub use reply::{Reply, elements};
pub use server::{Server, free_port, server_binary, testing_the_reference};

use std::path::PathBuf;

/// The folder of Cargo.toml.
pub fn project_dir() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// A file of `tests/data`.
pub fn data(name: &str) -> PathBuf {
    project_dir().join("tests/data").join(name)
}

/// Bytes as text for a person: escapes, and a cut after 300 characters.
pub fn show(bytes: &[u8]) -> String {
    let text = bytes.escape_ascii().to_string();
    match text.char_indices().nth(300) {
        Some((cut, _)) => format!("{}... ({} bytes)", &text[..cut], bytes.len()),
        None => text,
    }
}

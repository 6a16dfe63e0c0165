//! What every test here stands on: a server in a temporary folder, a blocking client that keeps the raw
//! bytes of each reply, and the facts about the server under test that decide what can be asked of it.

mod client;
mod http;
mod image;
mod process;
mod reference;
mod reply;
mod server;

pub use client::{Client, pipeline, request};
pub use http::http;
pub use image::{Container, Image, last_stage};
pub use process::{Background, Finished, kill_by_environment, program, run, run_with_stdin};
pub use reference::{ReferenceCommands, lowercase, supported_commands};
pub use reply::{Reply, elements};
pub use server::{Server, debian, free_port, server_binary, testing_the_reference};

use std::path::PathBuf;

/// The folder of Cargo.toml.
pub fn project_dir() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// A file of `tests/data`.
pub fn data(name: &str) -> PathBuf {
    project_dir().join("tests/data").join(name)
}

/// A YAML file of config/ as JSON.
pub fn yaml(name: &str) -> serde_json::Value {
    let folder = project_dir().join("tests/clients/node");
    let script = "const fs = require('fs'); \
                  console.log(JSON.stringify(require('yaml').parse(fs.readFileSync(process.argv[1], 'utf8'))))";
    let file = project_dir().join("config").join(name);
    let text = run(program("node").args(["-e", script]).arg(file).current_dir(folder)).success();
    serde_json::from_str(&text).expect("JSON")
}

/// Waits until something is so, for twenty seconds at most.
#[track_caller]
pub fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while !done() {
        assert!(std::time::Instant::now() < deadline, "not {what} in time");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
}

/// Bytes as text for a person: escapes, and a cut after 300 characters.
pub fn show(bytes: &[u8]) -> String {
    let text = bytes.escape_ascii().to_string();
    match text.char_indices().nth(300) {
        Some((cut, _)) => format!("{}... ({} bytes)", &text[..cut], bytes.len()),
        None => text,
    }
}

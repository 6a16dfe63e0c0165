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
    let text = std::fs::read_to_string(project_dir().join("config").join(name)).expect("it is in config/");
    yaml_documents(&text).remove(0)
}

/// The documents of a text in YAML as JSON.
pub fn yaml_documents(text: &str) -> Vec<serde_json::Value> {
    let folder = project_dir().join("tests/clients/node");
    let script = "const documents = require('yaml').parseAllDocuments(require('fs').readFileSync(0, 'utf8')); \
                  console.log(JSON.stringify(documents.map((one) => { \
                    if (one.errors.length > 0) throw one.errors[0]; return one.toJS(); })))";
    let mut node = program("node");
    let text = run_with_stdin(node.args(["-e", script]).current_dir(folder), text.as_bytes()).success();
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

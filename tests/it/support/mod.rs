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
pub use reference::ReferenceCommands;
pub use reply::{Reply, elements};
pub use server::{Server, debian, free_port, server_binary, testing_the_reference};

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

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

/// How long anything may take before the test fails: far more than it needs on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until something is so, as long as patience lasts.
#[track_caller]
pub fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !done() {
        assert!(Instant::now() < deadline, "not {what} in time");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Sets a flag when it is dropped, so that threads which work until then also end when the test fails.
pub struct SetOnDrop<'a>(pub &'a AtomicBool);

impl Drop for SetOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Something that has to happen soon, tried until it does: a busy machine makes everything late, and nothing makes
/// what is late by itself come soon. `attempt` is given the number of the try and tells what came too late.
#[track_caller]
pub fn is_soon_enough(mut attempt: impl FnMut(u32) -> Result<(), String>) {
    let deadline = Instant::now() + PATIENCE;
    for number in 0.. {
        let Err(late) = attempt(number) else { return };
        assert!(number < 5 || Instant::now() < deadline, "late whenever it is tried: {late}");
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

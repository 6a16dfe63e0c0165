//! The reader of logs of commands, and of their manifest.
#![no_main]

use libfuzzer_sys::fuzz_target;
use redstart::persist::aof::{CommandReader, Manifest};

fuzz_target!(|bytes: &[u8]| {
    let (mut reader, mut args) = (CommandReader::new(bytes, 0), Vec::new());
    while let Ok(Some(_)) = reader.next(&mut args) {
        assert!(reader.offset() <= bytes.len() as u64);
    }
    if let Some(manifest) = Manifest::parse(bytes).ok().filter(|manifest| !manifest.is_empty()) {
        let text = manifest.to_string();
        // Control characters make a line longer when they are written; `Folder` refuses what becomes too long.
        let fits = text.lines().all(|line| line.len() < 1024);
        assert!(!fits || Manifest::parse(text.as_bytes()).is_ok_and(|again| again.to_string() == text));
    }
});

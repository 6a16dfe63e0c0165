//! The reader of RDB files; what it accepts must be good enough to be written again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use redstart::persist::rdb::{Item, Limits, Reader, dump, restore};

fuzz_target!(|bytes: &[u8]| {
    let Ok(reader) = Reader::new(bytes, Limits::default()) else { return };
    // Nobody guesses a checksum.
    let mut reader = reader.without_checksum();
    while let Ok(Some(item)) = reader.next() {
        if let Item::Key(record) = item {
            assert!(restore(&dump(&record.value, false), &Limits::default()).is_ok());
        }
    }
});

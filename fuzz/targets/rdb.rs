//! The reader of RDB files; what it accepts must be good enough to be written again, in every form there is.
#![no_main]

use libfuzzer_sys::fuzz_target;
use redstart::keyspace::{Frozen, Value};
use redstart::persist::aof::BaseWriter;
use redstart::persist::rdb::{Item, Limits, OLDEST_WRITTEN, Options, Reader, Writer, dump, restore};

fuzz_target!(|bytes: &[u8]| {
    let Ok(reader) = Reader::new(bytes, Limits::default()) else { return };
    // Nobody guesses a checksum.
    let mut reader = reader.without_checksum();
    let options = Options { compress: true, checksum: true, version: OLDEST_WRITTEN };
    let mut file = Writer::new(Vec::new(), options).expect("memory");
    let mut base = BaseWriter::new(Vec::new(), None, &[]).expect("memory");
    while let Ok(Some(item)) = reader.next() {
        let Item::Key(record) = item else { continue };
        let (key, deadline) = (record.key.into_boxed_slice(), record.deadline);
        let payload = dump(record.value, false);
        let again = || restore(&payload, &Limits::default(), true).expect("what is written can be read");
        let timed = matches!(again(), Value::Hash(hash) if hash.next_expiry().is_some());
        if !timed {
            file.key(&key, again(), deadline, None, None).expect("memory");
        }
        base.key(Frozen { db: 0, key, value: again(), deadline, clock: 0 }).expect("memory");
    }
    let file = file.finish().expect("memory");
    let mut again = Reader::new(&file[..], Limits::default()).expect("what is written can be read");
    while again.next().expect("what is written can be read").is_some() {}
    base.finish().expect("memory");
});

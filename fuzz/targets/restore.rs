//! The payload of RESTORE, whatever its checksum; what is accepted must be good enough to be written again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use redstart::keyspace::Frozen;
use redstart::persist::aof::BaseWriter;
use redstart::persist::rdb::{Limits, VERSION, dump, restore};

fuzz_target!(|body: &[u8]| {
    let mut payload = body.to_vec();
    payload.extend_from_slice(&VERSION.to_le_bytes());
    payload.extend_from_slice(&[0; 8]);
    let Ok(value) = restore(&payload, &Limits::default(), false) else { return };
    let payload = dump(value, true);
    let value = restore(&payload, &Limits::default(), true).expect("what is written can be read");
    let mut base = BaseWriter::new(Vec::new(), None, &[]).expect("memory");
    base.key(Frozen { db: 0, key: b"key".as_slice().into(), value, deadline: None, clock: 0 }).expect("memory");
    base.finish().expect("memory");
});

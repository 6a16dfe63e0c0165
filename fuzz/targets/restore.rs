//! The payload of RESTORE: a body, to which the right footer is given.
#![no_main]

use libfuzzer_sys::fuzz_target;
use redstart::base::crc::crc64;
use redstart::persist::rdb::{Limits, VERSION, dump, restore};

fuzz_target!(|body: &[u8]| {
    let mut payload = body.to_vec();
    payload.extend_from_slice(&VERSION.to_le_bytes());
    payload.extend_from_slice(&crc64(0, &payload).to_le_bytes());
    if let Ok(value) = restore(&payload, &Limits::default()) {
        assert!(restore(&dump(&value, true), &Limits::default()).is_ok());
    }
});

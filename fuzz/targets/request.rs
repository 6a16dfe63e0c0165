//! The parser of requests: the same ones whether they come at once or byte by byte.
#![no_main]

use libfuzzer_sys::fuzz_target;
use redstart::resp::{Batch, Limits, Parser};

/// All requests, as they come when so many bytes arrive at a time.
fn requests(bytes: &[u8], step: usize) -> Vec<Vec<Vec<u8>>> {
    let (mut parser, mut batch, limits) = (Parser::new(), Batch::new(), Limits::default());
    let (mut begin, mut found) = (0, Vec::new());
    for arrived in (1..=bytes.len()).step_by(step).chain([bytes.len()]) {
        loop {
            batch.clear();
            let input = &bytes[begin..arrived];
            let progress = parser.parse(input, &limits, &mut batch, 64);
            for request in 0..batch.len() {
                let args = 0..batch.args(request).len();
                found.push(args.map(|index| batch.arg(request, index, input).to_vec()).collect());
            }
            assert!(progress.consumed <= input.len());
            begin += progress.consumed;
            if progress.error.is_some() {
                return found;
            }
            if !progress.more {
                break;
            }
        }
    }
    found
}

fuzz_target!(|bytes: &[u8]| {
    assert_eq!(requests(bytes, usize::MAX), requests(bytes, 1));
});

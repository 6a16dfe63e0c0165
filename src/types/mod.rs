//! The data types as pure data with their encodings: no clock, configuration, I/O or replies.

pub mod bitfield;
pub mod bitmap;
pub mod geo;
pub mod hll;
pub mod lcs;

// TEMPORARY stubs
macro_rules! stub {
    ($m:ident, $t:ident) => {
        pub mod $m {
            #[derive(Clone, Default)]
            pub struct $t;
            impl $t {
                pub fn encoding(&self) -> &'static str {
                    ""
                }
                pub fn memory_bytes(&self) -> usize {
                    0
                }
                pub fn is_large(&self) -> bool {
                    false
                }
            }
        }
    };
}
stub!(list, List);
stub!(set, Set);
stub!(hash, Hash);
stub!(zset, Zset);
stub!(stream, Stream);

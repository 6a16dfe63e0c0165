//! The collections that entries hold, and how each is packed.

use super::value::{Form, Stored, Type};
use crate::types::{hash::Hash, list::List, set::Set, stream::Stream, zset::Zset};
macro_rules! stub {
    ($t:ident) => {
        impl Stored for $t {
            const TYPE: Type = Type::$t;
            fn into_packed(self) -> Result<(Form, Vec<u8>), Self> {
                Err(self)
            }
            fn from_packed(_: Form, _: Vec<u8>) -> Self {
                $t
            }
            fn is_packed(&self) -> bool {
                false
            }
            fn is_empty(&self) -> bool {
                false
            }
        }
    };
}
stub!(List);
stub!(Set);
stub!(Hash);
stub!(Zset);
stub!(Stream);

//! What travels over a connection: requests to bytes, bytes to replies. Pure.

mod decode;
mod encode;
mod reply;

pub use decode::{Decoder, ProtocolError};
pub use encode::encode;
pub use reply::Reply;

//! The only sockets of clients: listening, accepting, the task of each connection.

mod accept;
mod connection;
mod listener;
mod socket;
mod tls;
mod write;

pub use self::connection::Connection;
pub use self::listener::{Listeners, bind};
pub use self::socket::Socket;

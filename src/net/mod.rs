//! The only sockets of clients: listening, accepting, the task of each connection, shutdown.

mod connection;
mod listener;
mod socket;

pub use self::listener::{Listeners, bind};

//! Connection: who a client is, what it wants to hear, and what can be done to clients.

mod auth;
mod client;
mod hello;
mod http;
mod kill;
mod list;
mod names;
mod pause;
mod session;
mod shutdown;
mod tracking;

use crate::command::row::*;

use super::Command;

/// The family's rows.
pub const COMMANDS: &[Command] = &[
    session::PING,
    session::ECHO,
    session::SELECT,
    session::QUIT,
    session::RESET,
    auth::AUTH,
    hello::HELLO,
    client::CLIENT,
    shutdown::SHUTDOWN,
    http::POST,
    http::HOST,
];

const GROUP: &str = "connection";

/// A row of the family.
const fn row(name: &'static str, arity: i32, flags: &[Flags]) -> Spec {
    Spec::new(name, arity).flags(flags).categories(&[Categories::CONNECTION])
}

//! Publish and subscribe: the handlers over [`crate::pubsub`].

mod inspect;
mod publish;
mod subscribe;

use crate::command::row::*;

use super::Command;

/// The family's rows.
pub const COMMANDS: &[Command] = &[
    subscribe::SUBSCRIBE,
    subscribe::UNSUBSCRIBE,
    subscribe::PSUBSCRIBE,
    subscribe::PUNSUBSCRIBE,
    subscribe::SSUBSCRIBE,
    subscribe::SUNSUBSCRIBE,
    publish::PUBLISH,
    publish::SPUBLISH,
    inspect::PUBSUB_CONTAINER,
];

const GROUP: &str = "pubsub";

/// A row of the family.
const fn row(name: &'static str, arity: i32, flags: &[Flags]) -> Spec {
    Spec::new(name, arity).flags(flags)
}

//! Publish and subscribe: channels, patterns and shard channels.
//!
//! ```text
//! Broker ── Topics of each Kind ── Topic: a name and its members ── Arc<dyn Subscriber>
//!                                    ^                                       |  deliver: append to
//! Subscriptions (of one client) ─────┘                                       v  the client's outbox
//! ```
//!
//! **Who owns what.** A topic exists while it has members; the broker finds it by its name, each
//! member's [`Subscriptions`] hold it too. Dropping the subscriptions of a client ends them.
//!
//! **Locks.** A message is delivered under the lock of its topic, so all members of a topic see its messages in
//! one order, and whoever has left gets nothing more. No other lock is held then: the registry is only asked for
//! the topic. [`Subscriber::deliver`] must be short and must not come back here.
//!
//! **Writing.** What goes to a few is written by the publisher itself, where the members' sockets allow it; what goes
//! to more by tasks that go `round`, so that the publisher isn't kept from its next command.
//!
//! **Bytes.** A [`Message`] is encoded once for each protocol that a member of the topic speaks, and all members
//! share these bytes.
//!
//! **Before its reply.** What was delivered before a client unsubscribed waits in its outbox. A handler takes it
//! from there after [`Subscriptions::unsubscribe`] and before it writes the confirmation.

mod broker;
mod message;
mod round;
mod subscriptions;
mod topic;

pub use broker::Broker;
pub use message::Message;
pub use subscriptions::Subscriptions;

/// What a subscription names.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// A channel of PUBLISH.
    Channel,
    /// A glob that channels of PUBLISH may match.
    Pattern,
    /// A channel of SPUBLISH.
    ShardChannel,
}

impl Kind {
    /// All kinds, in the order in which CLIENT LIST counts them.
    pub const ALL: [Kind; 3] = [Kind::Channel, Kind::Pattern, Kind::ShardChannel];
}

/// How a message gets to a member.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Way {
    /// The publisher writes it, if it can.
    AtOnce,
    /// The member's task writes it.
    ByItself,
    /// Somebody goes round and has it written by [`Subscriber::send`].
    Round,
}

/// Who gets messages: the shared part of a connection.
pub trait Subscriber: Send + Sync {
    /// A number that no other subscriber has.
    fn id(&self) -> u64;

    /// Takes a message in the form of its protocol. Tells whether it waits for [`Subscriber::send`] now and didn't
    /// before. Called under a lock: it neither waits nor calls the broker.
    fn deliver(&self, message: &Message<'_>, way: Way) -> bool;

    /// Writes what it has taken on the way [`Way::Round`], as far as it goes without waiting. `buffer` is for joining
    /// messages.
    fn send(&self, buffer: &mut Vec<u8>);
}

#[cfg(test)]
mod tests;

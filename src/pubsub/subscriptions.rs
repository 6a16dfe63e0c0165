//! The subscriptions of one client. Its task owns them; dropping them ends them.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::topic::ByName;
use super::{Broker, Kind, Subscriber};

/// What one client is subscribed to.
pub struct Subscriptions {
    broker: Arc<Broker>,
    subscriber: Arc<dyn Subscriber>,
    topics: [BTreeSet<ByName>; Kind::ALL.len()],
}

impl Subscriptions {
    /// None yet.
    pub fn new(broker: Arc<Broker>, subscriber: Arc<dyn Subscriber>) -> Self {
        Subscriptions { broker, subscriber, topics: Default::default() }
    }

    /// Subscribes to a name, if the client isn't; returns the [`count`](Self::count) to confirm with. What is
    /// published from now on arrives.
    pub fn subscribe(&mut self, kind: Kind, name: &[u8]) -> usize {
        if !self.topics[kind as usize].contains(name) {
            let topic = self.broker.topics(kind).join(name, &self.subscriber);
            self.topics[kind as usize].insert(topic);
        }
        self.count(kind)
    }

    /// Ends the subscription to a name, if there is one; returns the [`count`](Self::count) to confirm with.
    /// Nothing arrives any more, but what has arrived goes before the confirmation.
    pub fn unsubscribe(&mut self, kind: Kind, name: &[u8]) -> usize {
        if let Some(topic) = self.topics[kind as usize].take(name) {
            self.end(kind, &topic);
        }
        self.count(kind)
    }

    /// Ends all subscriptions of a kind. `confirm` gets each name and the count left, in the order of the names;
    /// it isn't called when there are none.
    pub fn unsubscribe_all(&mut self, kind: Kind, mut confirm: impl FnMut(&[u8], usize)) {
        while let Some(topic) = self.topics[kind as usize].pop_first() {
            self.end(kind, &topic);
            confirm(topic.topic().name(), self.count(kind));
        }
    }

    /// The number that confirmations of a kind tell: channels and patterns together, or shard channels.
    pub fn count(&self, kind: Kind) -> usize {
        match kind {
            Kind::ShardChannel => self.len(kind),
            Kind::Channel | Kind::Pattern => self.len(Kind::Channel) + self.len(Kind::Pattern),
        }
    }

    /// Subscriptions of a kind.
    pub fn len(&self, kind: Kind) -> usize {
        self.topics[kind as usize].len()
    }

    /// Whether there is no subscription of any kind.
    pub fn is_empty(&self) -> bool {
        self.topics.iter().all(BTreeSet::is_empty)
    }

    /// The names of a kind, in order.
    #[cfg(test)]
    pub(super) fn names(&self, kind: Kind) -> impl Iterator<Item = &[u8]> {
        self.topics[kind as usize].iter().map(|topic| topic.topic().name())
    }

    /// Ends a subscription that was taken from its set.
    fn end(&self, kind: Kind, topic: &ByName) {
        self.broker.topics(kind).leave(topic, self.subscriber.id());
    }
}

impl Drop for Subscriptions {
    fn drop(&mut self) {
        for kind in Kind::ALL {
            self.unsubscribe_all(kind, |_, _| ());
        }
    }
}

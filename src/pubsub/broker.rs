//! The broker: what is published here reaches those who are subscribed at that moment.

use std::sync::Arc;

use super::round::Round;
use super::topic::{Topic, Topics};
use super::{Kind, Message};
use crate::base::glob;

/// All topics of the server.
#[derive(Default)]
pub struct Broker {
    channels: Topics,
    patterns: Topics,
    shard_channels: Topics,
    /// Writes what is published to many.
    round: Arc<Round>,
}

impl Broker {
    /// A broker without subscribers.
    pub fn new() -> Self {
        Broker::default()
    }

    /// Delivers to the subscribers of a channel and to those of each pattern that matches it; returns how many
    /// deliveries that made.
    pub fn publish(&self, channel: &[u8], payload: &[u8]) -> usize {
        self.spread(channel, payload, true)
    }

    /// The same for a publisher that holds locks: each receiver's task does the writing, however few they are.
    pub fn queue(&self, channel: &[u8], payload: &[u8]) -> usize {
        self.spread(channel, payload, false)
    }

    fn spread(&self, channel: &[u8], payload: &[u8], may_write: bool) -> usize {
        let deliver = |kind, topic: Arc<Topic>| {
            topic.deliver(&Message::new(kind, topic.name(), channel, payload), may_write, &self.round)
        };
        let direct = self.channels.get(channel).map_or(0, |topic| deliver(Kind::Channel, topic));
        let mut matching = Vec::new();
        self.patterns.for_each(|topic| {
            if glob::matches(topic.name(), channel, false) {
                matching.push(Arc::clone(topic));
            }
        });
        direct + matching.into_iter().map(|topic| deliver(Kind::Pattern, topic)).sum::<usize>()
    }

    /// Delivers to the subscribers of a shard channel; returns their number.
    pub fn publish_sharded(&self, channel: &[u8], payload: &[u8]) -> usize {
        let message = Message::new(Kind::ShardChannel, channel, channel, payload);
        self.shard_channels.get(channel).map_or(0, |topic| topic.deliver(&message, true, &self.round))
    }

    /// Visits the names of a kind that have subscribers: all, or those that match a glob. Part of the registry is
    /// locked during a visit: don't come back here.
    pub fn for_each_name(&self, kind: Kind, glob: Option<&[u8]>, mut visit: impl FnMut(&[u8])) {
        self.topics(kind).for_each(|topic| {
            let name = topic.name();
            if topic.len() > 0 && glob.is_none_or(|glob| glob::matches(glob, name, false)) {
                visit(name);
            }
        });
    }

    /// Visits each subscription of a kind: its name and the subscriber's number. Part of the registry is locked during
    /// a visit: don't come back here.
    pub fn for_each_member(&self, kind: Kind, mut visit: impl FnMut(&[u8], u64)) {
        self.topics(kind).for_each(|topic| topic.for_each_member(|id| visit(topic.name(), id)));
    }

    /// Whether nobody is subscribed to what [`Broker::publish`] reaches.
    pub fn is_idle(&self) -> bool {
        self.channels.len() == 0 && self.patterns.len() == 0
    }

    /// Subscribers of a name; those of matching patterns don't count.
    pub fn subscribers(&self, kind: Kind, name: &[u8]) -> usize {
        self.topics(kind).get(name).map_or(0, |topic| topic.len())
    }

    /// Names of a kind that have subscribers. For patterns that is what PUBSUB NUMPAT tells.
    pub fn names(&self, kind: Kind) -> usize {
        self.topics(kind).len()
    }

    pub(super) fn topics(&self, kind: Kind) -> &Topics {
        match kind {
            Kind::Channel => &self.channels,
            Kind::Pattern => &self.patterns,
            Kind::ShardChannel => &self.shard_channels,
        }
    }
}

//! The broker: what is published here reaches those who are subscribed at that moment.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::topic::Topics;
use super::{Kind, Message};
use crate::base::glob;

/// All topics of the server.
#[derive(Default)]
pub struct Broker {
    channels: Topics,
    patterns: Topics,
    shard_channels: Topics,
    /// Clients with subscriptions.
    clients: AtomicUsize,
}

impl Broker {
    /// A broker without subscribers.
    pub fn new() -> Self {
        Broker::default()
    }

    /// Delivers to the subscribers of a channel and of each pattern that matches it; returns how many deliveries
    /// that made.
    pub fn publish(&self, channel: &[u8], payload: &[u8]) -> usize {
        let direct = self.channels.get(channel);
        let direct = direct.map_or(0, |topic| topic.deliver(&Message::new(Kind::Channel, channel, channel, payload)));
        let mut matching = Vec::new();
        self.patterns.for_each(|topic| {
            if glob::matches(topic.name(), channel, false) {
                matching.push(topic.clone());
            }
        });
        let deliver = |kind, topic: &super::topic::Topic| {
            topic.deliver(&Message::new(kind, topic.name(), channel, payload))
        };
        direct + matching.iter().map(|topic| deliver(Kind::Pattern, topic)).sum::<usize>()
    }

    /// Delivers to the subscribers of a shard channel; returns their number.
    pub fn publish_sharded(&self, channel: &[u8], payload: &[u8]) -> usize {
        let message = Message::new(Kind::ShardChannel, channel, channel, payload);
        self.shard_channels.get(channel).map_or(0, |topic| topic.deliver(&message))
    }
}

//! A topic with its members, and the registry that finds topics by name.

use std::borrow::Borrow;
use std::cmp::Ordering as Order;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use dashmap::DashMap;
use parking_lot::Mutex;

use super::round::Round;
use super::{Message, Subscriber, Way};
use crate::base::task;

/// So many members get a message before the publisher goes on, if they can.
const FEW: usize = 16;

/// A channel or a pattern that somebody is subscribed to.
pub(super) struct Topic {
    name: Box<[u8]>,
    members: Mutex<Members>,
    /// Their number, for those who only want to know it.
    len: AtomicUsize,
}

#[derive(Default)]
struct Members {
    /// By ascending id, each once.
    list: Vec<(u64, Arc<dyn Subscriber>)>,
    /// The last one has left and the topic is about to leave the registry: nobody may join any more.
    closed: bool,
}

impl Topic {
    fn new(name: &[u8]) -> Self {
        Topic { name: name.into(), members: Mutex::default(), len: AtomicUsize::new(0) }
    }

    pub(super) fn name(&self) -> &[u8] {
        &self.name
    }

    pub(super) fn len(&self) -> usize {
        // Relaxed: a figure of its own.
        self.len.load(Ordering::Relaxed)
    }

    /// Hands a message to each member; returns their number. Only a publisher that `may_write` does the writing.
    pub(super) fn deliver(&self, message: &Message<'_>, may_write: bool, round: &Arc<Round>) -> usize {
        let members = self.members.lock();
        let way = match members.list.len() <= FEW {
            true if may_write => Way::AtOnce,
            false if task::can_spawn() => Way::Round,
            _ => Way::ByItself,
        };
        let mut waiting = Vec::new();
        for (_, member) in &members.list {
            if member.deliver(message, way) {
                if waiting.is_empty() {
                    waiting.reserve_exact(members.list.len());
                }
                waiting.push(Arc::clone(member));
            }
        }
        if !waiting.is_empty() {
            round.add(waiting);
        }
        members.list.len()
    }

    pub(super) fn for_each_member(&self, visit: impl FnMut(u64)) {
        self.members.lock().list.iter().map(|(id, _)| *id).for_each(visit);
    }

    /// False if the topic is closed.
    fn add(&self, member: &Arc<dyn Subscriber>) -> bool {
        let mut members = self.members.lock();
        if members.closed {
            return false;
        }
        if let Err(at) = members.list.binary_search_by_key(&member.id(), |(id, _)| *id) {
            if members.list.is_empty() {
                // Most topics have one member.
                members.list.reserve_exact(1);
            }
            members.list.insert(at, (member.id(), Arc::clone(member)));
            self.len.store(members.list.len(), Ordering::Relaxed);
        }
        true
    }

    /// True if that was the last member and the topic is closed now.
    fn remove(&self, id: u64) -> bool {
        let mut members = self.members.lock();
        if let Ok(at) = members.list.binary_search_by_key(&id, |(id, _)| *id) {
            members.list.remove(at);
            self.len.store(members.list.len(), Ordering::Relaxed);
            members.closed = members.list.is_empty();
        }
        members.closed
    }
}

/// A topic that compares as its name, so that sets can be asked for a name.
#[derive(Clone)]
pub(super) struct ByName(Arc<Topic>);

impl ByName {
    pub(super) fn topic(&self) -> &Topic {
        &self.0
    }
}

impl Borrow<[u8]> for ByName {
    fn borrow(&self) -> &[u8] {
        &self.0.name
    }
}

impl Hash for ByName {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.name.hash(state);
    }
}

impl PartialEq for ByName {
    fn eq(&self, other: &Self) -> bool {
        self.0.name == other.0.name
    }
}

impl Eq for ByName {}

impl Ord for ByName {
    fn cmp(&self, other: &Self) -> Order {
        self.0.name.cmp(&other.0.name)
    }
}

impl PartialOrd for ByName {
    fn partial_cmp(&self, other: &Self) -> Option<Order> {
        Some(self.cmp(other))
    }
}

/// All topics of one kind.
#[derive(Default)]
pub(super) struct Topics {
    map: DashMap<ByName, ()>,
    /// Their number, so that nobody looks for a topic where there is none. It is written with the map locked.
    len: AtomicUsize,
}

impl Topics {
    pub(super) fn len(&self) -> usize {
        // Acquire, with the release of a writer: who has heard of a subscription finds its topic.
        self.len.load(Ordering::Acquire)
    }

    pub(super) fn get(&self, name: &[u8]) -> Option<Arc<Topic>> {
        if self.len() == 0 {
            return None;
        }
        self.map.get(name).map(|found| Arc::clone(&found.key().0))
    }

    /// Visits all topics, those excepted that come or go meanwhile. Part of the registry is locked during a visit.
    pub(super) fn for_each(&self, mut visit: impl FnMut(&Arc<Topic>)) {
        if self.len() > 0 {
            self.map.iter().for_each(|found| visit(&found.key().0));
        }
    }

    /// Makes a subscriber a member of the topic of this name.
    pub(super) fn join(&self, name: &[u8], member: &Arc<dyn Subscriber>) -> ByName {
        loop {
            let topic = self.get_or_create(name);
            if topic.0.add(member) {
                return topic;
            }
            // Whoever closed it will take it out; we don't wait for that.
            self.take_out(&topic);
        }
    }

    /// Ends a membership.
    pub(super) fn leave(&self, topic: &ByName, id: u64) {
        if topic.0.remove(id) {
            self.take_out(topic);
        }
    }

    fn get_or_create(&self, name: &[u8]) -> ByName {
        if let Some(topic) = self.get(name) {
            return ByName(topic);
        }
        let created = ByName(Arc::new(Topic::new(name)));
        let entry = self.map.entry(created.clone()).or_insert(());
        if Arc::ptr_eq(&entry.key().0, &created.0) {
            self.len.fetch_add(1, Ordering::Release);
        }
        entry.key().clone()
    }

    fn take_out(&self, topic: &ByName) {
        let is_same = |found: &ByName, (): &()| {
            let same = Arc::ptr_eq(&found.0, &topic.0);
            if same {
                self.len.fetch_sub(1, Ordering::Release);
            }
            same
        };
        self.map.remove_if(topic, is_same);
    }
}

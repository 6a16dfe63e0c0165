//! Building a group from a file: first all that is pending, then the consumers and what is theirs.

use super::super::id::StreamId;
use super::{ConsumerKey, Delivery, Group};

/// Stands for the consumer of a pending entry until a consumer has named it.
const NOBODY: ConsumerKey = ConsumerKey::MAX;

/// A group whose consumers aren't all known yet.
#[derive(Debug)]
pub struct GroupLoader {
    group: Group,
    current: ConsumerKey,
    unowned: usize,
}

/// Why a group's data can't be right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupError {
    /// An ID is pending twice.
    DuplicatePending,
    /// Two consumers have the same name.
    DuplicateConsumer,
    /// A consumer has an entry that isn't pending in the group.
    UnknownPending,
    /// An entry is pending for two consumers.
    OwnedTwice,
    /// An entry is pending for no consumer.
    Unowned,
}

impl GroupLoader {
    /// A group without consumers.
    pub fn new(last_id: StreamId, entries_read: Option<i64>) -> Self {
        Self { group: Group::new(last_id, entries_read), current: NOBODY, unowned: 0 }
    }

    /// Adds an entry to the group's pending list.
    ///
    /// # Errors
    /// If it is there already.
    pub fn pending(&mut self, id: StreamId, time: i64, count: u64) -> Result<(), GroupError> {
        match self.group.pending.insert(id, Delivery { time, count, consumer: NOBODY }) {
            None => {
                self.unowned += 1;
                Ok(())
            }
            Some(_) => Err(GroupError::DuplicatePending),
        }
    }

    /// Adds a consumer; what [`GroupLoader::owns`] says from now on is about it.
    ///
    /// # Errors
    /// If there is one of this name.
    pub fn consumer(
        &mut self,
        name: &[u8],
        seen_time: i64,
        active_time: Option<i64>,
    ) -> Result<(), GroupError> {
        if self.group.names.contains(name) {
            return Err(GroupError::DuplicateConsumer);
        }
        self.current = self.group.add_consumer(name, seen_time, active_time);
        Ok(())
    }

    /// Gives a pending entry to the consumer added last.
    ///
    /// # Errors
    /// If the group hasn't it pending, or another consumer has it.
    pub fn owns(&mut self, id: StreamId) -> Result<(), GroupError> {
        let delivery = self.group.pending.get_mut(&id).ok_or(GroupError::UnknownPending)?;
        if delivery.consumer != NOBODY {
            return Err(GroupError::OwnedTwice);
        }
        let consumer = self.group.consumers.get_mut(&self.current).ok_or(GroupError::Unowned)?;
        delivery.consumer = self.current;
        consumer.pending.insert(id, ());
        self.unowned -= 1;
        Ok(())
    }

    /// The group, if every pending entry found its consumer.
    ///
    /// # Errors
    /// If one has none.
    pub fn finish(self) -> Result<Group, GroupError> {
        if self.unowned > 0 { Err(GroupError::Unowned) } else { Ok(self.group) }
    }
}

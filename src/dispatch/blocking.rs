//! Serving clients that are blocked on keys: a key that got data has its oldest waiters' commands run again.
//!
//! It happens after the command that gave the data has released its locks and before its reply leaves. One
//! thread serves at a time, so waiters of a key are served in the order in which they came.

use std::collections::VecDeque;
use std::sync::Arc;

use super::execute::{Executor, Rerun};
use crate::client::Blocked;
use crate::commands::Server;
use crate::keyspace::Type;

/// A key by its database.
type Key = (usize, Box<[u8]>);

/// Serves the waiters of keys that got data, and of keys that get data from serving them.
pub fn serve_ready(server: &Arc<Server>, ready: Vec<Key>) {
    server.blocked.in_order(|| {
        let mut queue = VecDeque::from(ready);
        while let Some((db, key)) = queue.pop_front() {
            serve_key(server, db, &key, &mut queue);
        }
    });
}

fn serve_key(server: &Arc<Server>, db: usize, key: &[u8], queue: &mut VecDeque<Key>) {
    let mut after = None;
    loop {
        let (found, ticket) = server.keyspace.next_waiter(db, key, after);
        let Some(ticket) = ticket else { return };
        if found.is_none() && !server.blocked.any_on_loss() {
            return;
        }
        after = Some(ticket);
        let Some(blocked) = server.blocked.get(ticket) else { continue };
        if is_worth_it(&blocked, found) && blocked.claim() {
            match Executor::new(server).run_again(&blocked) {
                Rerun::Answered { reply, ready } => {
                    queue.extend(ready);
                    blocked.answer(reply);
                }
                Rerun::StillBlocked => blocked.give_back(),
            }
        }
    }
}

fn is_worth_it(blocked: &Blocked, found: Option<Type>) -> bool {
    found == Some(blocked.waits.wants) || blocked.waits.wakes_on_loss
}

//! Going round the members of topics with what was published to many.
//!
//! To wake the task of each member costs a third of what writing to it does. So members for whom something waits stand
//! in a line, and tasks of their own write to one after the other, in steps: in between others have their turn. The
//! publisher is among them. It gets its reply before the first step, and what it publishes next goes along to those
//! who were not reached yet; the others stand in line again, at its end.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use parking_lot::Mutex;

use super::Subscriber;
use crate::base::{task, worker};

/// Members that are written to before others have their turn; about 100 µs of work.
const STEP: usize = 64;

/// See the head of this file.
#[derive(Default)]
pub(super) struct Round(Mutex<Line>);

#[derive(Default)]
struct Line {
    members: VecDeque<Arc<dyn Subscriber>>,
    /// Tasks that go round.
    tasks: usize,
}

impl Round {
    /// Has members written to that are not in line yet, by all threads if they are many. To be called within the
    /// runtime.
    pub(super) fn add(self: &Arc<Self>, members: Vec<Arc<dyn Subscriber>>) {
        let mut line = self.0.lock();
        line.members.extend(members);
        while line.tasks < worker::count() && line.tasks * STEP < line.members.len() {
            line.tasks += 1;
            task::spawn(go_round(Arc::clone(self)));
        }
    }

    /// Takes the first members out of the line; none if nobody stands in it: then the task that asks ends.
    fn next(&self) -> Option<Vec<Arc<dyn Subscriber>>> {
        let mut line = self.0.lock();
        if line.members.is_empty() {
            line.tasks -= 1;
            return None;
        }
        let count = line.members.len().min(STEP);
        Some(line.members.drain(..count).collect())
    }
}

async fn go_round(round: Arc<Round>) {
    let mut buffer = Vec::new();
    loop {
        task::defer().await;
        let Some(members) = round.next() else { return };
        for member in members {
            // A panic in one member's code must not leave the others in line.
            let sending = AssertUnwindSafe(|| member.send(&mut buffer));
            if catch_unwind(sending).is_err() {
                tracing::error!("panic while a message was written");
            }
        }
    }
}

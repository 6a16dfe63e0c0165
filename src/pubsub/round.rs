//! Going round the members of a topic with what was published to many.
//!
//! To wake the task of each member costs a third of what writing to it does. So tasks of their own write to all, in
//! steps: in between others have their turn. The publisher is among them. It gets its reply before the first step, and
//! what it publishes next goes along to those who were not reached yet.

use std::sync::Arc;

use super::Subscriber;
use crate::base::{task, worker};

/// Members that are written to before others have their turn; about 100 µs of work.
const STEP: usize = 64;

/// Starts to write to members, with all threads if they are many. To be called within the runtime.
pub(super) fn begin(mut members: Vec<Arc<dyn Subscriber>>) {
    let part = members.len().div_ceil(worker::count()).max(STEP);
    while members.len() > part {
        task::spawn(go_round(members.split_off(members.len() - part)));
    }
    task::spawn(go_round(members));
}

async fn go_round(members: Vec<Arc<dyn Subscriber>>) {
    let mut buffer = Vec::new();
    for some in members.chunks(STEP) {
        task::defer().await;
        some.iter().for_each(|member| member.send(&mut buffer));
    }
}

//! Changing one collection, of which much is to be read or changed: LREM, ZREMRANGEBYSCORE and their kin.
//!
//! What takes long is done to a clone while nobody waits for a lock. A clone shares everything with the collection but
//! what the change touches; it is installed only if the collection is still what was cloned:
//!
//! ```text
//! locked     clone ──┐             ┌──▶ unchanged ──▶ install the clone, reply
//!                    │             │    changed ────┐
//! unlocked           └──▶ revise ──┘◀──────────────┘   a few times, then in place and locked
//! ```

use crate::keyspace::{Stored, Value};

use super::{Call, Install, Next, Outcome};

/// How often a change is tried without locks.
const TRIES: u32 = 4;

/// A change of the collection at a command's first argument.
pub trait Revision: Send + Sized + 'static {
    /// The collection.
    type Content: Stored + Send + 'static;
    /// What is to be said of the change.
    type Told: Send + 'static;

    /// Whether the change takes so long that it should not happen under a lock.
    fn is_heavy(&self, content: &Self::Content) -> bool;

    /// Changes the collection, in whatever time it takes.
    fn revise(&self, content: &mut Self::Content) -> Self::Told;

    /// Says what has changed, and replies; none: there is no such key.
    fn tell(self, call: &mut Call<'_>, told: Option<Self::Told>) -> Outcome;
}

/// Makes a change; see the head of this file.
///
/// # Errors
/// If the key is of another type, and those of the revision.
pub fn revise<R: Revision>(call: &mut Call<'_>, revision: R) -> Outcome {
    let may_put_off = call.may_put_off();
    let Some(mut content) = call.keys.write::<R::Content>(call.args[1])? else {
        return revision.tell(call, None);
    };
    if may_put_off && revision.is_heavy(&content) {
        let then = content.clone();
        return Ok(Next::Compute(Box::new(move || attempt(revision, then, TRIES))));
    }
    let told = revision.revise(&mut content);
    drop(content);
    revision.tell(call, Some(told))
}

/// Changes a clone without locks, and says how to go on under them.
fn attempt<R: Revision>(revision: R, then: R::Content, tries: u32) -> Install {
    let mut revised = then.clone();
    let mut told = revision.revise(&mut revised);
    Box::new(move |call| {
        let Some(mut now) = call.keys.write::<R::Content>(call.args[1])? else {
            discard(call, [then, revised]);
            return revision.tell(call, None);
        };
        if now.is_unchanged_since(&then) {
            std::mem::swap(&mut *now, &mut revised);
        } else if tries > 1 {
            let now = now.clone();
            return Ok(Next::Compute(Box::new(move || {
                drop((then, revised));
                attempt(revision, now, tries - 1)
            })));
        } else {
            told = revision.revise(&mut now);
        }
        drop(now);
        discard(call, [then, revised]);
        revision.tell(call, Some(told))
    })
}

/// Lets go of what may be the last references, to be freed after unlocking.
fn discard<T: Stored>(call: &mut Call<'_>, stale: [T; 2]) {
    call.keys.effects.garbage.extend(stale.into_iter().map(Stored::into_value).filter(Value::is_large));
}

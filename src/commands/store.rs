//! Combining the values of keys into a new value: SINTERSTORE, ZUNIONSTORE, SPOP of many and their kin.
//!
//! Small values are combined in the handler. Large ones are combined on references, while nobody waits for a
//! lock; the result is installed only if it still is what the handler would compute:
//!
//! ```text
//! locked     read ──┐             ┌──▶ read again: unchanged ──▶ install, reply
//!                   │             │         └──── changed ────┐
//! unlocked          └──▶ compute ─┘◀──────────────────────────┘   a few times, then all of it locked
//! ```
//!
//! So the command happens at the instant of its installation, never from a past state. What has become stale is
//! freed unlocked as well.

use crate::command::Error;
use crate::config::EventClasses;
use crate::keyspace::{Access, Expiry, Keyspace, Type, Value, WrongType};

use super::{Call, DONE, Install, Next, Outcome};

/// How often a result is computed without locks.
const TRIES: u32 = 4;

/// The values of some keys at one moment, shared and not copied where they are large.
pub struct Sources(Vec<Option<Value>>);

impl Sources {
    /// Takes references to the values at `keys`; those that are absent are empty places. `access` says how the look-ups
    /// count.
    ///
    /// # Errors
    /// If one is of another type than those accepted.
    pub fn read(
        call: &mut Call<'_>,
        keys: &[&[u8]],
        accepted: &[Type],
        access: Access,
    ) -> Result<Sources, WrongType> {
        let value = |key: &&[u8]| match call.keys.find(key, access) {
            None => Ok(None),
            Some(entry) if accepted.contains(&entry.type_of()) => Ok(Some(entry.share_value())),
            Some(_) => Err(WrongType),
        };
        keys.iter().map(value).collect::<Result<_, _>>().map(Sources)
    }

    /// The values in the order of their keys.
    pub fn values(&self) -> impl ExactSizeIterator<Item = Option<&Value>> {
        self.0.iter().map(Option::as_ref)
    }

    /// Gives the references up, to be freed in the background where they are the last ones to something large.
    pub fn discard(self) {
        Keyspace::discard(self.0.into_iter().flatten());
    }

    fn is_unchanged_since(&self, then: &Sources) -> bool {
        self.0.iter().zip(&then.0).all(|pair| match pair {
            (None, None) => true,
            (Some(now), Some(then)) => now.is_unchanged_since(then),
            _ => false,
        })
    }
}

/// How a command makes a new value of others.
pub trait Combination: Send + Sized + 'static {
    /// What it makes.
    type Result: Send + 'static;

    /// Takes references to everything that the result depends on. Only the first time it is a look-up that counts.
    ///
    /// # Errors
    /// What the command answers instead.
    fn read(&self, call: &mut Call<'_>, access: Access) -> Result<Sources, Error>;

    /// Whether computing takes so long that it should not happen under locks.
    fn is_heavy(&self, sources: &Sources) -> bool;

    /// Computes the result, in whatever time it takes.
    fn compute(&self, sources: &Sources) -> Self::Result;

    /// Puts the result in its place and replies, quickly.
    ///
    /// # Errors
    /// What the command answers instead.
    fn install(self, call: &mut Call<'_>, result: Self::Result) -> Outcome;
}

/// Runs a combination; see the head of this file.
///
/// # Errors
/// Those of the combination.
pub fn combine<C: Combination>(call: &mut Call<'_>, combination: C) -> Outcome {
    let sources = combination.read(call, Access::Read)?;
    combine_these(call, combination, sources)
}

/// The same for a command that had to look at its sources before it could say how to combine them.
///
/// # Errors
/// Those of the combination.
pub fn combine_these<C: Combination>(call: &mut Call<'_>, combination: C, sources: Sources) -> Outcome {
    if call.may_put_off() && combination.is_heavy(&sources) {
        return Ok(Next::Compute(Box::new(move || attempt(combination, sources, TRIES))));
    }
    finish(call, combination, sources)
}

/// Computes under the locks.
fn finish<C: Combination>(call: &mut Call<'_>, combination: C, sources: Sources) -> Outcome {
    let result = combination.compute(&sources);
    drop(sources);
    combination.install(call, result)
}

/// Computes without locks, and says how to go on under them.
fn attempt<C: Combination>(combination: C, then: Sources, tries: u32) -> Install {
    let result = combination.compute(&then);
    Box::new(move |call| match combination.read(call, Access::Silent) {
        Ok(now) if now.is_unchanged_since(&then) => {
            // These may soon be the last references.
            call.keys.effects.garbage.extend(then.0.into_iter().flatten());
            combination.install(call, result)
        }
        Ok(now) if tries > 1 => Ok(Next::Compute(Box::new(move || {
            drop((then, result));
            attempt(combination, now, tries - 1)
        }))),
        _ => Ok(Next::Compute(Box::new(move || {
            drop((then, result));
            Box::new(move |call| {
                let sources = combination.read(call, Access::Silent)?;
                finish(call, combination, sources)
            })
        }))),
    })
}

/// Stores a collection of `len` elements at its destination, or deletes the key if there is none, and answers
/// the number.
pub fn put(
    call: &mut Call<'_>,
    destination: &[u8],
    value: Value,
    len: usize,
    (class, event): (u32, &'static str),
) -> Outcome {
    if len > 0 {
        call.keys.set(destination, value, Expiry::Clear);
        call.keys.changed(destination, class, event);
    } else if call.keys.delete(destination) {
        call.keys.changed(destination, EventClasses::GENERIC, "del");
    }
    call.reply.int(len as i64);
    DONE
}

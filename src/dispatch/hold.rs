//! The shards of a command: which it needs, and keeping one for the next command.

use smallvec::SmallVec;

use crate::client::Session;
use crate::command::keys::InvalidKeys;
use crate::command::spec::Flags;
use crate::commands::{Listed, Server};
use crate::keyspace::{Held, Hold, Keyspace, Plan};

/// How long one shard may stay locked for a run of commands, in ns. Most runs are over much sooner.
pub(super) const HOLD: u64 = 50_000;

/// A locked shard.
pub(super) struct Kept<'s> {
    shard: usize,
    hold: Hold<'s>,
    /// Monotonic, in ns.
    pub(super) since: u64,
}

impl Kept<'_> {
    /// Lends the shard.
    #[inline]
    pub(super) fn lend(&mut self) -> Held<'_> {
        Held::One(self.shard, Hold::Lent(&mut self.hold))
    }
}

/// Locks the shard of a key, unless it is the one that has been kept, and lends it.
#[inline(always)]
pub(super) fn keep<'k, 's>(
    kept: &'k mut Option<Kept<'s>>,
    keyspace: &'s Keyspace,
    hash: u64,
    now: u64,
) -> Held<'k> {
    let shard = keyspace.shard_of(hash);
    if kept.as_ref().is_none_or(|kept| kept.shard != shard) {
        exchange(kept, keyspace, shard, now);
    }
    kept.as_mut().expect("kept just now").lend()
}

fn exchange<'s>(kept: &mut Option<Kept<'s>>, keyspace: &'s Keyspace, shard: usize, now: u64) {
    // Never two at once: they could be in the wrong order.
    *kept = None;
    *kept = Some(Kept { shard, hold: keyspace.hold_one(shard), since: now });
}

/// Locks what a command needs.
pub(super) fn hold<'h>(server: &'h Server, listed: &Listed, args: &[&[u8]], session: &Session) -> Held<'h> {
    let mut hashes: SmallVec<[u64; 16]> = SmallVec::new();
    // Arguments that contradict themselves lock nothing; the handler says what is wrong.
    if hash_keys(server, listed, args, session, &mut hashes).is_err() {
        hashes.clear();
    }
    let held = server.keyspace.hold(Plan::Keys(&hashes));
    held.prefetch(&server.keyspace, session.db, &hashes);
    held
}

/// Hashes the keys that a command needs: those of its key specs; for EXEC those of all queued commands and the
/// watched ones.
fn hash_keys(
    server: &Server,
    listed: &Listed,
    args: &[&[u8]],
    session: &Session,
    hashes: &mut SmallVec<[u64; 16]>,
) -> Result<(), InvalidKeys> {
    if !listed.command.spec.flags.contains(Flags::TRANSACTION) {
        return listed.command.for_each_key(args, &mut |at| hashes.push(Keyspace::hash(args[at])));
    }
    hashes.extend(session.watch.keys.iter().map(|(_, key)| Keyspace::hash(key)));
    for (id, queued) in session.transaction.iter().flat_map(|transaction| &transaction.queued) {
        let args = queued.args();
        let command = server.catalog.all()[*id].command;
        // A command that contradicts itself touches no key: it answers an error.
        let _ = command.for_each_key(&args, &mut |at| hashes.push(Keyspace::hash(args[at])));
    }
    Ok(())
}

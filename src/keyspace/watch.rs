//! Keys that clients watch: who must hear that a key has changed before its EXEC.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Set when something that a client watches has changed. Written under a shard's lock and read by the
/// client's EXEC under the locks of the same shards, so relaxed accesses suffice.
#[derive(Default, Debug)]
pub struct WatchFlag(AtomicBool);

impl WatchFlag {
    /// Marks that something changed.
    pub fn raise(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether something has changed.
    pub fn is_raised(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Watched keys of one shard and database. Nobody watches most of the time, so it is one pointer until then.
#[derive(Default)]
pub(super) struct Watched(Option<Box<Flags>>);

type Flags = HashMap<Box<[u8]>, Vec<Arc<WatchFlag>>>;

impl Watched {
    pub(super) fn add(&mut self, key: &[u8], flag: &Arc<WatchFlag>) {
        self.0.get_or_insert_default().entry(key.into()).or_default().push(Arc::clone(flag));
    }

    pub(super) fn remove(&mut self, key: &[u8], flag: &Arc<WatchFlag>) {
        let Some(keys) = &mut self.0 else { return };
        if let Some(flags) = keys.get_mut(key) {
            flags.retain(|other| !Arc::ptr_eq(other, flag));
            if flags.is_empty() {
                keys.remove(key);
            }
        }
        if keys.is_empty() {
            self.0 = None;
        }
    }

    /// The keys that are watched.
    pub(super) fn keys(&self) -> impl Iterator<Item = &[u8]> {
        self.0.iter().flat_map(|keys| keys.keys()).map(|key| &**key)
    }

    /// Whether nobody watches a key.
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    pub(super) fn touch(&self, key: &[u8]) {
        if let Some(keys) = &self.0 {
            keys.get(key).into_iter().flatten().for_each(|flag| flag.raise());
        }
    }

    /// Marks all watched keys for which `changed` holds, as a flush or a swap does.
    pub(super) fn touch_where(&self, mut changed: impl FnMut(&[u8]) -> bool) {
        for (key, flags) in self.0.iter().flat_map(|keys| keys.iter()) {
            if changed(key) {
                flags.iter().for_each(|flag| flag.raise());
            }
        }
    }
}

//! Finds the handle of a key again, without changing a name.

use std::{
    collections::HashMap,
    hash::{BuildHasherDefault, Hasher},
    sync::{PoisonError, RwLock},
};

use metrics::Key;

use super::value::Handle;

/// How many maps there are. A key belongs to one of them, so that few threads meet at one lock.
const SHARDS: usize = 16;

/// The handles of keys.
#[derive(Debug, Default)]
pub(super) struct Keys([RwLock<Shard>; SHARDS]);

type Shard = HashMap<Key, Handle, BuildHasherDefault<OwnHash>>;

/// Takes the hash that a key has computed.
///
/// Its seed is known to all, so a caller who chooses the values of labels can make many of the same hash. The bound of a
/// family keeps these few.
#[derive(Debug, Default)]
struct OwnHash(u64);

// === impl Keys ===

impl Keys {
    pub(super) fn find(&self, key: &Key) -> Option<Handle> {
        let shard = self.shard(key).read();
        shard
            .unwrap_or_else(PoisonError::into_inner)
            .get(key)
            .cloned()
    }

    pub(super) fn add(&self, key: &Key, handle: Handle) {
        let shard = self.shard(key).write();
        shard
            .unwrap_or_else(PoisonError::into_inner)
            .insert(key.to_retained(), handle);
    }

    #[cfg(test)]
    pub(super) fn held_for_reading(&self) -> Vec<impl Sized> {
        self.0.iter().map(|shard| shard.read().unwrap()).collect()
    }

    /// The map of a key, by bits of its hash that the map itself does not use.
    fn shard(&self, key: &Key) -> &RwLock<Shard> {
        &self.0[(key.get_hash() >> 40) as usize % SHARDS]
    }
}

// === impl OwnHash ===

impl Hasher for OwnHash {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }

    /// A key writes its hash only. This is for a version of it that would not.
    fn write(&mut self, bytes: &[u8]) {
        for one in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*one);
        }
    }
}

//! Reads maps of which a later version of this crate wrote some entries, and hands those on as they are.

use std::collections::BTreeMap;

use serde::{
    Deserialize, Deserializer, Serialize, Serializer, de::DeserializeOwned, ser::SerializeMap as _,
};
use serde_json::{Map, Value};

/// A map. In JSON, the entries of a later version come first.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct ReadableMap<K: Ord, T> {
    pub(super) known: BTreeMap<K, T>,
    pub(super) other: Map<String, Value>,
}

// === impl ReadableMap ===

impl<K: Ord, T> Default for ReadableMap<K, T> {
    fn default() -> Self {
        Self {
            known: BTreeMap::new(),
            other: Map::new(),
        }
    }
}

impl<K: Ord + Serialize, T: Serialize> Serialize for ReadableMap<K, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let length = self.known.len() + self.other.len();
        let mut map = serializer.serialize_map(Some(length))?;
        for (key, one) in &self.other {
            map.serialize_entry(key, one)?;
        }
        for (key, one) in &self.known {
            map.serialize_entry(key, one)?;
        }
        map.end()
    }
}

impl<'de, K, T> Deserialize<'de> for ReadableMap<K, T>
where
    K: Ord + DeserializeOwned,
    T: DeserializeOwned,
{
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut map = Self::default();
        for (key, one) in Map::<String, Value>::deserialize(deserializer)? {
            let name = K::deserialize(Value::String(key.clone()));
            match name.ok().zip(T::deserialize(&one).ok()) {
                Some((name, known)) => _ = map.known.insert(name, known),
                None => _ = map.other.insert(key, one),
            }
        }
        Ok(map)
    }
}

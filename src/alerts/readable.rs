//! Reads lists of which a later version of this crate wrote some entries, and hands those on as they are.

use serde::{
    Deserialize, Deserializer, Serialize, Serializer, de::DeserializeOwned, ser::SerializeSeq as _,
};
use serde_json::Value;

/// A list. In JSON, the entries of a later version come first: of two about the same, the one that was understood last counts.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Readable<T> {
    pub(crate) known: Vec<T>,
    pub(crate) other: Vec<Value>,
}

/// The entries of a list that can be read. A later version of this crate can have written others.
pub(crate) fn readable<'de, T, L, D>(list: D) -> Result<L, D::Error>
where
    T: DeserializeOwned,
    L: FromIterator<T>,
    D: Deserializer<'de>,
{
    let list = Readable::deserialize(list)?;
    Ok(list.known.into_iter().collect())
}

// === impl Readable ===

impl<T> Default for Readable<T> {
    fn default() -> Self {
        Self::from(Vec::new())
    }
}

impl<T> From<Vec<T>> for Readable<T> {
    fn from(known: Vec<T>) -> Self {
        Self {
            known,
            other: Vec::new(),
        }
    }
}

impl<T: Serialize> Serialize for Readable<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let length = self.known.len() + self.other.len();
        let mut list = serializer.serialize_seq(Some(length))?;
        for one in &self.other {
            list.serialize_element(one)?;
        }
        for one in &self.known {
            list.serialize_element(one)?;
        }
        list.end()
    }
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for Readable<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut list = Self::default();
        for one in Vec::<Value>::deserialize(deserializer)? {
            match T::deserialize(&one) {
                Ok(known) => list.known.push(known),
                Err(_) => list.other.push(one),
            }
        }
        Ok(list)
    }
}

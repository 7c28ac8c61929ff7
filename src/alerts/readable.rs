//! Reads lists of which a later version of this crate wrote some entries.

use serde::{Deserialize, Deserializer, de::DeserializeOwned};
use serde_json::Value;

/// The entries of a list that can be read. A later version of this crate can have written others.
pub(crate) fn readable<'de, T, L, D>(list: D) -> Result<L, D::Error>
where
    T: DeserializeOwned,
    L: FromIterator<T>,
    D: Deserializer<'de>,
{
    let all = Vec::<Value>::deserialize(list)?.into_iter();
    Ok(all
        .filter_map(|one| serde_json::from_value(one).ok())
        .collect())
}

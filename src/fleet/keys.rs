//! Names the keys of a service in Redis. All of them have one hash tag, so a cluster keeps them on one node.

use std::{
    fmt::{self, Write as _},
    sync::Arc,
};

/// The names of all keys of a service in one environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Keys {
    /// With the colon behind it.
    prefix: Arc<str>,
}

/// Tells one start of a process from all others: a random number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct StartId(u64);

// === impl Keys ===

impl Keys {
    pub(crate) fn new(service: &str, environment: &str) -> Self {
        let (service, environment) = (Part(service), Part(environment));
        Self {
            prefix: format!("vitals:{{{service}:{environment}}}:").into(),
        }
    }

    fn of(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    fn of_start(&self, name: &str, start: StartId) -> String {
        format!("{}{name}:{start}", self.prefix)
    }

    /// The counts of a start: a hash.
    pub(crate) fn now(&self, start: StartId) -> String {
        self.of_start("now", start)
    }

    /// The durations of a start: a hash.
    pub(crate) fn fine(&self, start: StartId) -> String {
        self.of_start("fine", start)
    }

    /// What the series of a start are: a hash.
    pub(crate) fn names(&self, start: StartId) -> String {
        self.of_start("names", start)
    }

    /// A copy of the counts of a start, taken in a slot of a level.
    pub(crate) fn snapshot(&self, start: StartId, level: &str, slot: u64) -> String {
        format!("{}snap:{start}:{level}:{slot}", self.prefix)
    }

    /// A copy of the durations of a start.
    pub(crate) fn fine_snapshot(&self, start: StartId, level: &str, slot: u64) -> String {
        format!("{}snapfine:{start}:{level}:{slot}", self.prefix)
    }

    /// What the starts say of themselves: a hash of JSON by start.
    pub(crate) fn instances(&self) -> String {
        self.of("instances")
    }

    /// When each start gave a sign of life last, in milliseconds: a sorted set.
    pub(crate) fn seen(&self) -> String {
        self.of("seen")
    }

    /// When old starts were forgotten last.
    pub(crate) fn turn(&self) -> String {
        self.of("turn")
    }

    /// When old starts were added up last.
    pub(crate) fn gatherer(&self) -> String {
        self.of("gatherer")
    }

    /// Who evaluates the alerts: the id of a start.
    pub(crate) fn lease(&self) -> String {
        self.of("lease")
    }

    /// The number of the last lease.
    pub(crate) fn fence(&self) -> String {
        self.of("fence")
    }

    /// The state of the alerts.
    pub(crate) fn alerts(&self) -> String {
        self.of("alerts")
    }

    /// The silences: a hash of JSON by id.
    pub(crate) fn silences(&self) -> String {
        self.of("silences")
    }

    /// What instances note for who is in charge: a hash of JSON by name.
    pub(crate) fn notes(&self) -> String {
        self.of("acknowledged")
    }

    /// Who writes the guide's keys: the id of a start.
    pub(crate) fn guide(&self) -> String {
        self.of("guide")
    }

    /// Since when the guide's keys can be written: the time of Redis.
    pub(crate) fn guide_since(&self) -> String {
        self.of("guide_since")
    }

    /// The deployments: a list of JSON.
    pub(crate) fn deployments(&self) -> String {
        self.of("deployments")
    }
}

// === impl StartId ===

impl StartId {
    pub(crate) fn random() -> Self {
        Self(fastrand::u64(..))
    }

    /// Stands for all starts with the same two numbers.
    pub(crate) const fn of_slot(slot: u64, grid: u64) -> Self {
        // So that no two slots of a day have one number, nor one of a start.
        Self(slot.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ grid.rotate_left(29))
    }

    /// Reads what was printed.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let is_hex = text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_hex.then(|| u64::from_str_radix(text, 16).ok().map(Self))?
    }
}

impl fmt::Display for StartId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// A name within a key. Whatever could end the hash tag, or the name, is written as `%7d`.
struct Part<'a>(&'a str);

impl fmt::Display for Part<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            match c {
                '{' | '}' | ':' | '%' | ' ' => write!(f, "%{:02x}", u32::from(c))?,
                _ => f.write_char(c)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The part of a key by which a cluster chooses the node: what stands between the first brace and the next closing one.
    fn hash_tag(key: &str) -> &str {
        let (_, rest) = key.split_once('{').unwrap();
        rest.split_once('}').unwrap().0
    }

    #[test]
    fn all_keys_of_a_service_have_one_hash_tag() {
        let start = StartId(0xabc);
        for (service, environment, tag) in [
            ("shop", "production", "shop:production"),
            ("a}b{c:%", "x y", "a%7db%7bc%3a%25:x%20y"),
        ] {
            let keys = Keys::new(service, environment);
            for key in [
                keys.now(start),
                keys.fine(start),
                keys.names(start),
                keys.snapshot(start, "m", 7),
                keys.fine_snapshot(start, "m", 7),
                keys.instances(),
                keys.seen(),
                keys.lease(),
                keys.fence(),
                keys.alerts(),
                keys.silences(),
                keys.notes(),
                keys.deployments(),
                keys.guide(),
                keys.guide_since(),
                keys.turn(),
                keys.gatherer(),
            ] {
                assert_eq!(hash_tag(&key), tag);
            }
        }
        let keys = Keys::new("shop", "production");
        let now = "vitals:{shop:production}:now:0000000000000abc";
        assert_eq!(keys.now(start), now);
        let snapshot = "vitals:{shop:production}:snap:0000000000000abc:m:7";
        assert_eq!(keys.snapshot(start, "m", 7), snapshot);
        // Names that differ never meet.
        assert_ne!(Keys::new("a:b", "c"), Keys::new("a", "b:c"));
        assert_ne!(Keys::new("a%3ab", "c"), Keys::new("a:b", "c"));
    }

    #[test]
    fn a_start_is_read_as_it_was_printed() {
        for _ in 0..100 {
            let start = StartId::random();
            assert_eq!(StartId::parse(&start.to_string()), Some(start));
        }
        for text in ["", "abc", "+00000000000000a", "0000000000000000a"] {
            assert_eq!(StartId::parse(text), None);
        }
    }
}

//! Tells alerts apart by a number that is the same in every process.

use std::{collections::BTreeMap, fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use crate::config::ConfigError;

/// The labels of an alert by name, such as `endpoint` and `method`. An alert of the whole service has none.
pub(crate) type Labels = BTreeMap<String, String>;

/// Tells an alert from all others: the hash of the name of its rule and of its labels.
///
/// It has no part that changes with a request, a process or an instance. So a receiver that joins messages by it shows one
/// incident once. It prints as 16 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint(u64);

// === impl Fingerprint ===

impl Fingerprint {
    pub(crate) fn of(rule: &str, labels: &Labels) -> Self {
        let pairs = labels.iter().flat_map(|(name, value)| [name, value]);
        let texts = std::iter::once(rule).chain(pairs.map(String::as_str));
        // No text has this byte, so none can look like two.
        let bytes = texts.flat_map(|text| text.bytes().chain([0xff]));
        Self(fnv(bytes))
    }
}

/// FNV-1a, which gives the same number in each build.
pub(super) fn fnv(bytes: impl Iterator<Item = u8>) -> u64 {
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl FromStr for Fingerprint {
    type Err = ConfigError;

    fn from_str(text: &str) -> Result<Self, ConfigError> {
        let digits = text.bytes().all(|digit| digit.is_ascii_hexdigit());
        let number = u64::from_str_radix(text, 16).ok();
        match number.filter(|_| digits && text.len() == 16) {
            Some(number) => Ok(Self(number)),
            None => Err(ConfigError::new(
                "fingerprint",
                text,
                "expected 16 hexadecimal digits",
            )),
        }
    }
}

impl Serialize for Fingerprint {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Fingerprint {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(pairs: &[(&str, &str)]) -> Labels {
        let owned = pairs.iter();
        owned
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    }

    #[test]
    fn a_fingerprint_is_the_same_in_every_build() {
        let plain = Fingerprint::of("high_error_rate", &Labels::new());
        assert_eq!(plain.to_string(), "f85a8fde4ff0f4c0");
        let pairs = [("method", "GET"), ("endpoint", "/orders/{id}")];
        let forward = Fingerprint::of("high_error_rate", &labels(&pairs));
        let backward = [pairs[1], pairs[0]];
        assert_eq!(
            forward,
            Fingerprint::of("high_error_rate", &labels(&backward))
        );
        assert_ne!(forward, plain);
    }

    #[test]
    fn labels_cannot_be_mistaken_for_each_other() {
        let one = Fingerprint::of("a", &labels(&[("b", "cd")]));
        let other = Fingerprint::of("a", &labels(&[("bc", "d")]));
        let third = Fingerprint::of("ab", &labels(&[("c", "d")]));
        assert!(one != other && other != third && one != third);
    }

    #[test]
    fn a_fingerprint_reads_what_it_prints() {
        for _ in 0..1_000 {
            let fingerprint = Fingerprint(fastrand::u64(..));
            assert_eq!(fingerprint.to_string().parse(), Ok(fingerprint));
            let json = serde_json::to_string(&fingerprint).unwrap();
            let read: Fingerprint = serde_json::from_str(&json).unwrap();
            assert_eq!(read, fingerprint);
        }
        for wrong in ["", "+85a8fde4ff0f4c0", "1", "f85a8fde4ff0f4c0a", "ü"] {
            assert!(wrong.parse::<Fingerprint>().is_err(), "{wrong}");
        }
    }
}

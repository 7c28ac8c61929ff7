//! Decides whether a request has an event in the log, and at which level.

use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use tracing::Level;

use super::ended::Ended;

/// What the settings of a layer say. What is `None` is left to the layer further out, else to the default.
#[derive(Clone, Debug, Default)]
pub(crate) struct LogPolicy {
    pub(crate) enabled: Option<bool>,
    pub(crate) level: Option<Rule<Level>>,
    pub(crate) sample: Option<Rule<f64>>,
}

/// A function of the application.
pub(crate) struct Rule<T>(Arc<dyn Fn(&Ended<'_>) -> T + Send + Sync>);

/// How the event of a request is written.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Verdict {
    pub(crate) level: Level,
    /// The share of such requests that have an event, if it is not all of them.
    pub(crate) share: Option<f64>,
}

// === impl LogPolicy ===

impl LogPolicy {
    /// These settings, and those of `outer` where these say nothing.
    pub(crate) fn or(&self, outer: &Self) -> Self {
        Self {
            enabled: self.enabled.or(outer.enabled),
            level: self.level.clone().or_else(|| outer.level.clone()),
            sample: self.sample.clone().or_else(|| outer.sample.clone()),
        }
    }

    /// How the event is written. `None` if it is not. `panicked` is called for each rule that panics, which is then as unset.
    pub(crate) fn verdict(&self, ended: &Ended<'_>, panicked: impl Fn()) -> Option<Verdict> {
        if self.enabled == Some(false) {
            return None;
        }
        let share = self.share(ended, &panicked);
        if let Some(share) = share
            && chance(ended) >= share
        {
            return None;
        }
        let rule = self.level.as_ref();
        let level = rule.and_then(|rule| rule.ask(ended, &panicked));
        Some(Verdict {
            level: level.unwrap_or_else(|| ended.default_level()),
            share,
        })
    }

    /// The share of such requests that have an event, from 0 to 1. `None` if all have one.
    fn share(&self, ended: &Ended<'_>, panicked: impl Fn()) -> Option<f64> {
        let rule = self.sample.as_ref()?;
        if ended.is_never_sampled_away() {
            return None;
        }
        let share = rule.ask(ended, panicked)?;
        // What is no number takes nothing away.
        (share < 1.0).then_some(share.max(0.0))
    }
}

// === impl Rule ===

impl<T> Rule<T> {
    pub(crate) fn new(rule: impl Fn(&Ended<'_>) -> T + Send + Sync + 'static) -> Self {
        Self(Arc::new(rule))
    }

    fn ask(&self, ended: &Ended<'_>, panicked: impl Fn()) -> Option<T> {
        let Self(rule) = self;
        let answer = catch_unwind(AssertUnwindSafe(|| rule(ended))).ok();
        if answer.is_none() {
            panicked();
        }
        answer
    }
}

impl<T> Clone for Rule<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> fmt::Debug for Rule<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Rule").finish_non_exhaustive()
    }
}

/// A number from 0 to below 1: of one trace, else of one id, always the same, else random.
fn chance(ended: &Ended<'_>) -> f64 {
    let id = ended.trace_id.or(ended.id);
    let random = id.map_or_else(|| fastrand::u64(..), hash);
    // As many bits as the fraction of an `f64` has.
    (random >> 11) as f64 / (1_u64 << 53) as f64
}

/// FNV-1a over the bytes, and the last step of SplitMix64, which spreads what differs only at the end. Services of other
/// versions must come to the same verdict, so it never changes.
fn hash(id: &str) -> u64 {
    let fnv = |hash: u64, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    let mut hash = id.bytes().fold(0xcbf2_9ce4_8422_2325, fnv);
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ (hash >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_that_differ_only_in_a_counter_are_spread() {
        let kept = (0..10_000)
            .filter(|n| hash(&format!("0192f0c1-{n:04}")) < u64::MAX / 10)
            .count();
        assert!((900..1_100).contains(&kept), "{kept}");
    }

    #[test]
    fn the_hash_of_an_id_never_changes() {
        assert_eq!(hash("id-7"), 0x1f97_0048_8e72_231e);
    }
}

//! Limits how often an application says the same.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use tokio::time::Instant;

use crate::alerts::Fingerprint;

const HOUR: Duration = Duration::from_secs(60 * 60);

/// The most notifications with one title in an hour.
const MOST: usize = 20;

/// The most titles in an hour.
const MOST_TITLES: usize = 1_000;

/// When what was said in the last hour.
#[derive(Debug, Default)]
pub(super) struct Said(BTreeMap<Fingerprint, VecDeque<Instant>>);

// === impl Said ===

impl Said {
    /// Whether this can be said now. If so, it counts.
    pub(super) fn admits(&mut self, title: Fingerprint, now: Instant) -> bool {
        self.0.retain(|_, said| {
            while said
                .front()
                .is_some_and(|at| now.duration_since(*at) >= HOUR)
            {
                said.pop_front();
            }
            !said.is_empty()
        });
        if !self.0.contains_key(&title) && self.0.len() >= MOST_TITLES {
            return false;
        }
        let said = self.0.entry(title).or_default();
        let admitted = said.len() < MOST;
        if admitted {
            said.push_back(now);
        }
        admitted
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alerts::Labels;

    fn title(index: usize) -> Fingerprint {
        Fingerprint::of(&index.to_string(), &Labels::new())
    }

    #[test]
    fn the_same_is_said_twenty_times_an_hour() {
        let (mut said, begin) = (Said::default(), Instant::now());
        let admitted = |said: &mut Said, at: u64| {
            let now = begin + Duration::from_secs(at);
            said.admits(title(0), now)
        };
        assert_eq!((0..100).filter(|at| admitted(&mut said, *at)).count(), 20);
        assert!(said.admits(title(1), begin + HOUR / 2), "another title");
        assert!(!admitted(&mut said, 3_599));
        assert!(admitted(&mut said, 3_600), "the first one is an hour old");
        assert!(!admitted(&mut said, 3_600));
    }

    #[test]
    fn the_titles_of_an_hour_are_bounded() {
        let (mut said, now) = (Said::default(), Instant::now());
        let admitted = (0..2_000).filter(|index| said.admits(title(*index), now));
        assert_eq!(admitted.count(), 1_000);
        assert_eq!(said.0.len(), 1_000);
        assert!(said.admits(title(0), now), "known ones go on");
        assert!(said.admits(title(1_999), now + HOUR));
        assert_eq!(said.0.len(), 1);
    }
}

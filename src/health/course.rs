//! Remembers which states there were in the last hour.

use std::{collections::VecDeque, time::Duration};

use tokio::time::Instant;

/// How long a state is remembered after it ended.
const KEPT: Duration = Duration::from_secs(61 * 60);

/// The most changes that are remembered. What changes more often has a shorter past.
const MOST: usize = 256;

/// The states of something, from the first change on.
#[derive(Clone, Debug)]
pub(crate) struct Course<S>(VecDeque<(Instant, S)>);

// === impl Course ===

impl<S: Copy + Ord> Course<S> {
    /// Notes the state now, if it is another one than before.
    pub(super) fn note(&mut self, before: S, now: S) {
        if before != now {
            self.changed(Instant::now(), now);
        }
    }

    fn changed(&mut self, at: Instant, state: S) {
        self.0.push_back((at, state));
        // The one before is still needed if it ended within the time.
        let is_over = |(ended, _): &(Instant, S)| at.saturating_duration_since(*ended) > KEPT;
        while self.0.len() > MOST || self.0.get(1).is_some_and(is_over) {
            self.0.pop_front();
        }
    }

    /// When it changed last.
    #[cfg(feature = "statistics")]
    pub(crate) fn last_change(&self) -> Option<Instant> {
        self.0.back().map(|(at, _)| *at)
    }

    /// The greatest state between two moments. `None` if none is known.
    #[cfg(feature = "statistics")]
    pub(crate) fn worst(&self, from: Instant, to: Instant) -> Option<S> {
        let mut found = None;
        for (at, state) in &self.0 {
            match *at {
                at if at >= to => break,
                at if at <= from => found = Some(*state),
                _ => found = found.max(Some(*state)),
            }
        }
        found
    }
}

impl<S> Default for Course<S> {
    fn default() -> Self {
        Self(VecDeque::new())
    }
}

#[cfg(all(test, feature = "statistics"))]
mod tests {
    use super::*;

    fn course(changes: &[(u64, u8)]) -> (Instant, Course<u8>) {
        let begin = Instant::now();
        let mut course = Course::default();
        for (seconds, state) in changes {
            course.changed(begin + Duration::from_secs(*seconds), *state);
        }
        (begin, course)
    }

    #[test]
    fn the_worst_state_of_a_stretch_counts_the_one_that_it_begins_with() {
        let (begin, course) = course(&[(10, 0), (70, 3), (75, 0), (130, 1)]);
        let at = |seconds| begin + Duration::from_secs(seconds);
        for (from, to, worst) in [
            (0, 10, None),
            (0, 11, Some(0)),
            (10, 70, Some(0)),
            (60, 120, Some(3)),
            (70, 72, Some(3)),
            (75, 130, Some(0)),
            (120, 180, Some(1)),
            (600, 660, Some(1)),
        ] {
            assert_eq!(course.worst(at(from), at(to)), worst, "{from} to {to}");
        }
        assert_eq!(course.last_change(), Some(at(130)));
    }

    #[test]
    fn what_changes_all_the_time_takes_no_more_room() {
        let changes: Vec<_> = (0..10_000).map(|at| (at, (at % 2) as u8)).collect();
        let (begin, course) = course(&changes);
        assert_eq!(course.0.len(), MOST);
        let at = |seconds| begin + Duration::from_secs(seconds);
        assert_eq!(course.worst(at(0), at(60)), None, "it is forgotten");
        let rare: Vec<_> = (0..100).map(|hour| (hour * 3_600, hour as u8)).collect();
        let (_, course) = self::course(&rare);
        assert_eq!(course.0.len(), 3, "the one before the hour is still known");
    }
}

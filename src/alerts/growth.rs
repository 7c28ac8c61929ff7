//! Keeps by how much counters of the application grew, for as long as rules look back.

use std::{collections::VecDeque, time::Duration};

use super::few::Counts;

/// How many moments are kept for a rule.
const MOST_MOMENTS: u32 = 2_000;

/// By how much a pair of counters grew since it was first read.
#[derive(Debug, Default)]
pub(crate) struct Growth {
    last: Option<[f64; 2]>,
    grown: [f64; 2],
    /// Ascending by time.
    moments: VecDeque<Moment>,
}

#[derive(Clone, Copy, Debug)]
struct Moment {
    /// Wall time since 1970.
    at: Duration,
    grown: [f64; 2],
}

// === impl Growth ===

impl Growth {
    /// Notes what counters show now: the part and the whole. A counter that is not there is one at 0. `longest` is how far
    /// rules look back.
    pub(crate) fn note(&mut self, at: Duration, shown: [Option<f64>; 2], longest: Duration) {
        let shown = shown.map(|count| count.unwrap_or(0.0));
        // Before the first reading they could have grown at any time.
        let last = self.last.replace(shown).unwrap_or(shown);
        for ((grown, last), shown) in self.grown.iter_mut().zip(last).zip(shown) {
            // A counter that falls began anew.
            let more = if shown < last { shown } else { shown - last };
            *grown += if more.is_finite() { more } else { 0.0 };
        }
        // The wall clock was set back: nobody knows any more what grew when.
        if let Some(last) = self.moments.back().filter(|last| last.at > at).copied() {
            self.moments.clear();
            self.moments.push_back(Moment { at, ..last });
        }
        let grown = self.grown;
        let spacing = longest / MOST_MOMENTS;
        let (newest, before) = (
            self.moments.len().checked_sub(1),
            self.moments.len().checked_sub(2),
        );
        let moment = |index: Option<usize>| index.and_then(|index| self.moments.get(index));
        let is_close = moment(newest)
            .zip(moment(before))
            .is_some_and(|(newest, before)| newest.at.saturating_sub(before.at) < spacing);
        if is_close {
            self.moments.pop_back();
        }
        self.moments.push_back(Moment { at, grown });
        // One is kept that is older than all that rules look back to.
        let oldest = at.saturating_sub(longest);
        while self
            .moments
            .get(1)
            .is_some_and(|second| second.at <= oldest)
        {
            self.moments.pop_front();
        }
    }

    /// By how much they grew in the time until the last reading.
    pub(crate) fn over(&self, window: Duration) -> Counts {
        let Some(now) = self.moments.back() else {
            return Counts::default();
        };
        let from = now.at.saturating_sub(window);
        let after = self.moments.partition_point(|moment| moment.at <= from);
        let then = self.moments.get(after.saturating_sub(1)).unwrap_or(now);
        let [failures, requests] = [0, 1].map(|index: usize| {
            let grown = |moment: &Moment| moment.grown.get(index).copied().unwrap_or(0.0);
            (grown(now) - grown(then)).round() as u64
        });
        Counts { failures, requests }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn noted(shown: &[(u32, Option<f64>, Option<f64>)]) -> Growth {
        let mut growth = Growth::default();
        for (minute, part, whole) in shown {
            growth.note(MINUTE * *minute, [*part, *whole], 360 * MINUTE);
        }
        growth
    }

    fn counts(failures: u64, requests: u64) -> Counts {
        Counts { failures, requests }
    }

    #[test]
    fn what_counters_showed_first_is_not_growth() {
        let growth = noted(&[(1, Some(5.0), Some(50.0))]);
        assert_eq!(growth.over(60 * MINUTE), counts(0, 0));
        let growth = noted(&[(1, Some(5.0), Some(50.0)), (2, Some(7.0), Some(60.0))]);
        assert_eq!(growth.over(60 * MINUTE), counts(2, 10));
    }

    #[test]
    fn a_counter_that_appears_grew_from_zero() {
        let growth = noted(&[(1, None, None), (2, Some(3.0), Some(4.0))]);
        assert_eq!(growth.over(5 * MINUTE), counts(3, 4));
    }

    #[test]
    fn a_counter_that_falls_began_anew() {
        let growth = noted(&[
            (1, Some(5.0), Some(50.0)),
            (2, Some(7.0), Some(60.0)),
            (3, Some(1.0), Some(4.0)),
        ]);
        assert_eq!(growth.over(5 * MINUTE), counts(3, 14));
        assert_eq!(growth.over(MINUTE), counts(1, 4));
    }

    #[test]
    fn memory_is_bounded_however_often_counters_are_read() {
        let mut growth = Growth::default();
        for second in 0..100_000_u32 {
            let shown = Some(f64::from(second));
            growth.note(
                Duration::from_secs(second.into()),
                [shown, shown],
                360 * MINUTE,
            );
            assert!(growth.moments.len() <= MOST_MOMENTS as usize + 2);
        }
        let hour = growth.over(60 * MINUTE);
        assert!((3_600..=3_611).contains(&hour.requests), "{hour:?}");
        assert_eq!(growth.over(360 * MINUTE).requests / 100, 216);
    }

    #[test]
    fn a_clock_that_is_set_back_loses_no_growth_that_comes_later() {
        let growth = noted(&[
            (100, Some(0.0), Some(0.0)),
            (101, Some(1.0), Some(1.0)),
            (50, Some(2.0), Some(2.0)),
            (51, Some(3.0), Some(3.0)),
        ]);
        assert_eq!(growth.over(5 * MINUTE), counts(2, 2));
    }
}

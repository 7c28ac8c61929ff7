//! What the verdict of the process would be over the scrapes of Prometheus.

use super::{
    seen::{History, SECONDS},
    shapes::{Part, Shape},
    *,
};
use crate::alerts::few::{Counts, ShareRule, Stretches};

/// The views of a rule on one history.
pub(super) struct Views<'v> {
    pub(super) history: &'v History,
    pub(super) shape: Shape,
    pub(super) rule: &'v ShareRule,
}

/// Where the edges of windows are: as they are, or at the scrape before or after it.
#[derive(Clone, Copy, Debug)]
struct View {
    /// The beginning of each of four times.
    from: [u8; 4],
    to: u8,
    /// Whether what the series were born with is left out: of what failed, and of the others.
    unborn: [bool; 2],
}

/// How a version of Prometheus computes an increase.
#[derive(Clone, Copy, Debug)]
struct Version {
    /// Whether a range is without its left edge.
    is_left_open: bool,
    /// Whether it first bounds by the distance of scrapes, and then by where the counter would be 0.
    is_zero_last: bool,
}

const VERSIONS: [Version; 2] = [
    Version {
        is_left_open: false,
        is_zero_last: false,
    },
    Version {
        is_left_open: true,
        is_zero_last: true,
    },
];

// === impl Views ===

impl Views<'_> {
    /// Whether the verdict can be this one if each edge of a window is moved to the next scrape on either side, and a birth is
    /// counted or not.
    pub(super) fn can_be(&self, verdict: bool, until: usize) -> bool {
        let mut views = (0..81_u8).flat_map(|from| {
            let from = [from % 3, from / 3 % 3, from / 9 % 3, from / 27];
            (0..12_u8).map(move |rest| View {
                from,
                to: rest % 3,
                unborn: [rest / 3 % 2 == 1, rest / 6 == 1],
            })
        });
        let births = [Part::Failed, Part::Sound].map(|part| self.history.birth(self.shape, part));
        views.any(|view| self.seen(view, until, births) == verdict)
    }

    /// Whether the verdict is this one over what increase() supposes: from a window's edge to the first scrape in it, and from the
    /// last one to the other edge, each counter went on as between them, but for where it would be below 0. So a share whose
    /// parts have different pasts can change without a moved edge, and nineteen requests can look like twenty. A share that is
    /// the threshold can get above it by the rounding.
    pub(super) fn is_supposed(&self, verdict: bool, until: usize) -> bool {
        let mut versions = VERSIONS.into_iter().flat_map(|version| {
            [0.0, -1e-12, 1e-12].map(|rounding| (version, self.rule.threshold * (1.0 + rounding)))
        });
        versions.any(|(version, threshold)| self.supposes(version, threshold, until) == verdict)
    }

    fn times(&self) -> [Duration; 4] {
        let stretches = Stretches::new(SLOT);
        [
            self.rule.window,
            stretches.quarter,
            stretches.hour,
            stretches.six_hours,
        ]
    }

    fn seen(&self, view: View, until: usize, births: [usize; 2]) -> bool {
        let to = self.moved(until, view.to);
        let times = self.times();
        self.shape.is_broken(self.rule, |time| {
            let place = times.iter().position(|one| *one == time).unwrap();
            let from = until.saturating_sub(time.as_secs() as usize);
            let from = self.moved(from, view.from[place]);
            let growth = |part: Part, birth: usize, unborn: bool| {
                let from = if unborn { from.max(birth) } else { from };
                let [from, to] = [from.min(to), to].map(|at| part.of(self.history.until(at)));
                to - from
            };
            let failures = growth(Part::Failed, births[0], view.unborn[0]);
            Counts {
                failures,
                requests: failures + growth(Part::Sound, births[1], view.unborn[1]),
            }
        })
    }

    /// A moment as it is, or the scrape before or after it.
    fn moved(&self, at: usize, by: u8) -> usize {
        let scrapes = &self.history.scrapes;
        let next = scrapes.partition_point(|scrape| *scrape < at);
        match by {
            0 => at,
            1 => scrapes[..next].last().copied().unwrap_or(0),
            _ => scrapes.get(next).copied().unwrap_or(SECONDS),
        }
    }

    /// The increase of a series as Prometheus computes it. `None` with less than two scrapes.
    fn increase(&self, version: Version, part: Part, from: i64, to: usize) -> Option<f64> {
        let birth = self.history.birth(self.shape, part);
        let mut scrapes = self.history.scrapes.iter().copied().filter(|at| {
            let at_from = *at as i64 - from;
            *at >= birth && *at <= to && (at_from > 0 || at_from == 0 && !version.is_left_open)
        });
        let first = scrapes.next()?;
        let (count, last) = scrapes.fold((1, None), |(count, _), at| (count + 1, Some(at)));
        let last = last?;
        let value = |at| part.of(self.history.until(at)) as f64;
        let raw = value(last) - value(first);
        let sampled = (last - first) as f64;
        let average = sampled / f64::from(count - 1);
        let bounded = |time: f64| match time < 1.1 * average {
            true => time,
            false => average / 2.0,
        };
        let zero = match raw > 0.0 {
            true => sampled * value(first) / raw,
            false => f64::MAX,
        };
        let before = (first as i64 - from) as f64;
        let before = match version.is_zero_last {
            true => bounded(before).min(zero),
            false => bounded(before.min(zero)),
        };
        let after = bounded((to - last) as f64);
        Some(raw * (sampled + before + after) / sampled)
    }

    /// What failed, and all, as Prometheus computes them.
    fn supposed(&self, version: Version, time: Duration, until: usize) -> Option<(f64, f64)> {
        let from = until as i64 - time.as_secs() as i64;
        let increase = |part| self.increase(version, part, from, until);
        match self.shape.is_latency() {
            true => {
                let all = increase(Part::All)?;
                Some((all - increase(Part::Sound)?, all))
            }
            false => {
                let (failed, sound) = (increase(Part::Failed), increase(Part::Sound));
                if failed.is_none() && sound.is_none() {
                    return None;
                }
                let failed = failed.unwrap_or_default();
                Some((failed, failed + sound.unwrap_or_default()))
            }
        }
    }

    fn supposes(&self, version: Version, threshold: f64, until: usize) -> bool {
        let stretches = Stretches::new(SLOT);
        let of = |time| self.supposed(version, time, until).unwrap_or_default();
        let is_enough = |(_, all): (f64, f64)| all > self.rule.at_least as f64 - 0.5;
        let is_above = |(failed, all): (f64, f64)| 100.0 * failed / all > threshold;
        let window = of(self.rule.window);
        if is_enough(window) || self.shape.is_latency() {
            return is_enough(window) && is_above(window);
        }
        let hour = of(stretches.hour);
        if stretches.hour > self.rule.window && is_enough(hour) {
            return is_above(hour) && window.0 > 0.5 && of(stretches.quarter).0 > 1.5;
        }
        let long = of(stretches.six_hours);
        is_enough(long) && is_above(long) && of(stretches.quarter).0 > 0.5 && hour.0 > 1.5
    }
}

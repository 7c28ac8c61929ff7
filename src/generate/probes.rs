//! Computes the times of probes from those of the checks behind them.

use std::time::Duration;

use super::{
    node::{Node, map},
    served::{Asked, Probes, Served},
};

/// How often a probe is asked where no check says it.
const PERIOD: u64 = 10;

/// How seldom readiness may be asked, in seconds.
const LONGEST_PERIOD: u64 = 60;

/// How often a service that starts is asked, in seconds.
const STARTING: u64 = 2;

/// How many answers of the slowest critical check a start may take.
const ANSWERS: u32 = 30;

/// The least time of a start.
const SHORTEST_START: Duration = Duration::from_secs(60);

/// How long it takes at most until a pod that ends gets no new connections.
const LAST_CONNECTIONS: Duration = Duration::from_secs(5);

/// What a process does after its deadline: it sends reports, for 2 s at most, and gives the last answers of its probes.
const AFTER_DEADLINE: Duration = Duration::from_secs(5);

/// How a probe is asked, in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Timing {
    pub(super) period: u64,
    pub(super) timeout: u64,
    pub(super) failures: u64,
}

// === impl Timing ===

impl Timing {
    /// It depends on nothing: a service that does not answer it for half a minute is stuck. A busy one gets time.
    pub(super) const LIVE: Self = Self {
        period: PERIOD,
        timeout: 5,
        failures: 3,
    };

    /// As often as the most frequent critical check: in between, the answer is the same.
    pub(super) fn ready(probes: &Probes) -> Self {
        let shortest = probes.critical.iter().map(|asked| asked.interval).min();
        let period = shortest.map_or(PERIOD, |shortest| {
            seconds(shortest).clamp(1, LONGEST_PERIOD)
        });
        Self {
            period,
            timeout: 3,
            failures: 2,
        }
    }

    /// As long as thirty answers of the slowest critical check take.
    pub(super) fn start(probes: &Probes) -> Self {
        let longest = start(probes);
        Self {
            period: STARTING,
            timeout: 3,
            failures: seconds(longest).div_ceil(STARTING),
        }
    }

    /// The probe at this path of a port.
    pub(super) fn probe(self, path: &str, port: &str) -> Node {
        let get = map([("path", path.into()), ("port", port.into())]);
        map([
            ("httpGet", get),
            ("periodSeconds", self.period.into()),
            ("timeoutSeconds", self.timeout.into()),
            ("failureThreshold", self.failures.into()),
        ])
    }

    /// How long it takes until a failure of what is behind the probe has its effect, at most.
    const fn until_effect(self) -> u64 {
        self.period * self.failures + self.timeout
    }
}

/// The longest time that a start may take.
pub(super) fn start(probes: &Probes) -> Duration {
    let slowest = probes.critical.iter().map(until_answer).max();
    let longest = slowest.map(|slowest| slowest.saturating_mul(ANSWERS));
    longest.unwrap_or_default().max(SHORTEST_START)
}

/// How long it takes at most until a pod whose dependency has failed gets no requests, in seconds. `None` without a check.
pub(super) fn until_unready(probes: &Probes) -> Option<u64> {
    let until_failed = |asked: &Asked| until_answer(asked).saturating_mul(asked.failures);
    let slowest = probes.critical.iter().map(until_failed).max()?;
    Some(seconds(slowest).saturating_add(Timing::ready(probes).until_effect()))
}

/// The time between two answers of a check, at most: its interval, a tenth more, and its timeout.
fn until_answer(asked: &Asked) -> Duration {
    let tenth = asked.interval / 10;
    let longest = asked.interval.saturating_add(tenth);
    longest.saturating_add(asked.timeout)
}

/// How long a container waits before it is told to end. Nothing, if readiness fails for long enough before the server stops to
/// accept connections.
pub(super) fn pre_stop(served: &Served) -> Option<u64> {
    let missing = LAST_CONNECTIONS.saturating_sub(served.drain_delay);
    (!missing.is_zero()).then(|| seconds(missing))
}

/// How long a container may take to end, in seconds.
pub(super) fn grace(served: &Served) -> u64 {
    let all = served.deadline.saturating_add(AFTER_DEADLINE);
    seconds(all).saturating_add(pre_stop(served).unwrap_or_default())
}

/// Whole seconds, at least as long.
pub(super) fn seconds(time: Duration) -> u64 {
    let more = u64::from(time.subsec_nanos() > 0);
    time.as_secs().saturating_add(more)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn probes(checks: &[(u64, u64, u32)]) -> Probes {
        let asked = |&(interval, timeout, failures): &(u64, u64, u32)| Asked {
            interval: Duration::from_millis(interval),
            timeout: Duration::from_millis(timeout),
            failures,
        };
        Probes {
            critical: checks.iter().map(asked).collect(),
            ..Probes::default()
        }
    }

    #[test]
    fn readiness_is_asked_as_often_as_the_most_frequent_critical_check() {
        for (checks, period) in [
            (&[][..], 10),
            (&[(10_000, 2_000, 1)], 10),
            (&[(10_000, 2_000, 1), (3_000, 500, 1)], 3),
            // Up to whole seconds, and within bounds.
            (&[(2_100, 500, 1)], 3),
            (&[(200, 100, 1)], 1),
            (&[(3_600_000, 2_000, 1)], 60),
        ] {
            let timing = Timing::ready(&probes(checks));
            assert_eq!(timing.period, period, "{checks:?}");
            assert_eq!((timing.timeout, timing.failures), (3, 2));
        }
    }

    #[test]
    fn a_start_has_time_for_thirty_answers_of_the_slowest_critical_check() {
        for (checks, failures) in [
            (&[][..], 30),
            // 30 times 10 s, 1 s and 2 s are 390 s.
            (&[(10_000, 2_000, 1)], 195),
            (&[(10_000, 2_000, 1), (30_000, 7_000, 1)], 600),
            (&[(200, 100, 1)], 30),
        ] {
            let timing = Timing::start(&probes(checks));
            assert_eq!(
                (timing.period, timing.failures),
                (2, failures),
                "{checks:?}"
            );
        }
    }

    #[test]
    fn it_is_known_how_soon_a_pod_without_its_dependency_gets_no_requests() {
        assert_eq!(until_unready(&probes(&[])), None);
        // 13 s until the check knows it, twice 10 s, and 3 s.
        assert_eq!(until_unready(&probes(&[(10_000, 2_000, 1)])), Some(36));
        assert_eq!(until_unready(&probes(&[(10_000, 2_000, 3)])), Some(62));
    }

    #[test]
    fn a_container_has_time_to_drain() {
        let ends = |delay: u64, deadline: u64| {
            let served = Served {
                drain_delay: Duration::from_millis(delay),
                deadline: Duration::from_millis(deadline),
                ..Served::default()
            };
            (pre_stop(&served), grace(&served))
        };
        assert_eq!(ends(5_000, 25_000), (None, 30));
        assert_eq!(ends(8_000, 60_000), (None, 65));
        // What readiness does not wait for, the container waits for.
        assert_eq!(ends(0, 25_000), (Some(5), 35));
        assert_eq!(ends(1_500, 25_500), (Some(4), 35));
    }
}

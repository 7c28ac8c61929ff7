//! Checks how late the Tokio runtime gives tasks their turn.

use std::time::Duration;

use tokio::time;

use super::{Answer, Check, check::BoxError, remembered::Remembered};
use crate::runtime::lag::INTERVAL;

/// The lag above which a runtime is degraded.
const DEGRADED: Duration = Duration::from_millis(100);

// === impl Check ===

impl Check {
    /// How late the Tokio runtime gives tasks their turn. It is degraded if a task had to wait for more than 100 ms since the last
    /// answer, and never fails. A task of its own measures it every 100 ms, from the first question on.
    /// [`Health::check_once`](super::Health::check_once) measures for 100 ms.
    ///
    /// What blocks the whole runtime blocks this check as well: then its last answer gets too old, and it is unknown.
    /// `tokio_scheduling_lag_seconds` of [`process_metrics`](crate::vitals::VitalsBuilder::process_metrics) shows such a lag while
    /// it lasts, since a thread reads it. The check is critical if no other [`role`](Self::role) is set.
    ///
    /// ```
    /// use tower_vitals::health::{Check, Role};
    ///
    /// let lag = Check::runtime_lag("runtime").role(Role::Informational);
    /// ```
    #[must_use]
    pub fn runtime_lag(name: &str) -> Self {
        Self::runtime_lag_above(name, DEGRADED)
    }

    /// As [`runtime_lag`](Self::runtime_lag), with another limit: the lag above which it is degraded. The timers of Tokio are late
    /// by up to 2 ms on a runtime that does nothing.
    ///
    /// [`HealthBuilder::start`](super::HealthBuilder::start) refuses zero as `health.{name}.limit`.
    #[must_use]
    pub fn runtime_lag_above(name: &str, limit: Duration) -> Self {
        if limit.is_zero() {
            let reason = "must be longer than zero";
            return Self::refused(name, "limit", "0ns".to_owned(), reason);
        }
        Self::remembering(
            name,
            Remembered::default(),
            move |remembered, _| async move {
                let lag = match remembered.taken_lag() {
                    Some(lag) => lag,
                    // The first question, or one on another runtime.
                    None => {
                        remembered.measure_lag();
                        time::sleep(INTERVAL).await;
                        remembered.taken_lag().ok_or("the runtime ends")?
                    }
                };
                Ok::<_, BoxError>(judge(lag, limit))
            },
        )
        .healthy_label("on time")
    }
}

fn judge(lag: Duration, limit: Duration) -> Answer {
    match lag > limit {
        true => Answer::Degraded(format!("a task waited {} ms for its turn", lag.as_millis())),
        false => Answer::Healthy,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::health::Health;

    const fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[tokio::test(start_paused = true)]
    async fn a_task_that_waited_too_long_degrades_the_check_until_it_has_answered() {
        let check = Check::runtime_lag("runtime");
        assert_eq!(check.ask().await.unwrap(), Answer::Healthy);
        // The clock moves, and no task gets its turn: it is due within the first 100 ms.
        time::sleep(ms(1_000)).await;
        time::advance(ms(350)).await;
        let Answer::Degraded(text) = check.ask().await.unwrap() else {
            panic!("a lag of 250 ms or more")
        };
        let words: Vec<_> = text.split(' ').collect();
        let lag: u64 = words[3].parse().unwrap();
        assert!((250..=350).contains(&lag), "{text}");
        time::sleep(ms(1_000)).await;
        assert_eq!(check.ask().await.unwrap(), Answer::Healthy);
    }

    #[test]
    fn the_limit_is_the_last_lag_that_is_fine() {
        assert_eq!(judge(ms(100), DEGRADED), Answer::Healthy);
        let late = Answer::Degraded("a task waited 101 ms for its turn".into());
        assert_eq!(judge(ms(101), DEGRADED), late);
        let check = Check::runtime_lag_above("runtime", Duration::ZERO);
        let error = Health::builder().check(check).start().unwrap_err();
        let told = (error.field(), error.value());
        assert_eq!(told, ("health.runtime.limit", "0ns"));
    }

    #[test]
    fn the_same_check_measures_the_next_runtime() {
        let check = Check::runtime_lag("runtime");
        for _ in 0..2 {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_time()
                .start_paused(true)
                .build()
                .unwrap();
            let answer = runtime.block_on(async { check.ask().await });
            assert_eq!(answer.unwrap(), Answer::Healthy);
            assert_eq!(runtime.metrics().num_alive_tasks(), 1, "the probe");
        }
    }
}

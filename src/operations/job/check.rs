//! Tells in health that a job is overdue.

use std::time::Duration;

use tokio::time::Instant;

use crate::{
    health::{Check, Role},
    metrics::Metrics,
};

/// The name of the setting in errors.
const EVERY: &str = "every";

/// A check that fails when the job has not succeeded for longer than `every` and a tenth of it.
pub(super) fn of(name: &'static str, every: Option<Duration>, metrics: Option<Metrics>) -> Check {
    let check = match every {
        None => Check::refused(
            name,
            EVERY,
            "none".to_owned(),
            "a job without it is never overdue",
        ),
        Some(Duration::ZERO) => {
            Check::refused(name, EVERY, "0ns".to_owned(), "must be longer than zero")
        }
        Some(every) => {
            let since = Instant::now();
            Check::new(name, move || {
                let last = Metrics::last_job_success(metrics.as_ref(), name);
                std::future::ready(state(every, since, last, Instant::now()))
            })
        }
    };
    check.role(Role::Informational)
}

/// `Err` with the words for it if the job is overdue. Before the first success, the time since `since` counts.
fn state(
    every: Duration,
    since: Instant,
    last: Option<Instant>,
    now: Instant,
) -> Result<(), String> {
    let age = now.saturating_duration_since(last.unwrap_or(since));
    if age <= every.saturating_add(every / 10) {
        return Ok(());
    }
    let age = words(age);
    let what = match last {
        Some(_) => format!("last success {age} ago"),
        None => format!("no success for {age}"),
    };
    Err(format!("overdue: {what}, expected every {}", words(every)))
}

/// In whole seconds, if there are any.
fn words(duration: Duration) -> String {
    let seconds = Duration::from_secs(duration.as_secs());
    let shown = if seconds.is_zero() { duration } else { seconds };
    humantime::format_duration(shown).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_is_overdue_after_its_time_and_a_tenth_of_it() {
        let hour = Duration::from_secs(3_600);
        let moment = Duration::from_nanos(1);
        let since = Instant::now();
        let late = since + hour * 264 / 10;
        let judge = |last, now| state(hour * 24, since, last, now);
        assert_eq!(judge(None, since), Ok(()));
        assert_eq!(judge(None, late), Ok(()));
        let never = "overdue: no success for 1day 2h 24m, expected every 1day";
        assert_eq!(judge(None, late + moment), Err(never.to_owned()));
        let last = Some(since + hour);
        assert_eq!(judge(last, late + hour), Ok(()));
        let text = "overdue: last success 1day 2h 24m ago, expected every 1day";
        assert_eq!(judge(last, late + hour + moment), Err(text.to_owned()));
        // A clock of another runtime can stand before the success.
        assert_eq!(judge(Some(late), since), Ok(()));
        assert_eq!(
            state(Duration::MAX, since, None, late),
            Ok(()),
            "the longest time"
        );
    }
}

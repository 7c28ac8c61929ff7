//! Recognises what layers further out log of a failure that has just left the layer of this crate.
//!
//! There the exchange is no longer current. But such a layer logs in the very poll in which it gets the failure: on the same
//! thread, in the same task, and before anything else of this crate runs there.

use std::{cell::Cell, time::Duration};

use sentry::protocol::{Context, Event};
use tokio::{task, time::Instant};

/// The most time from the end of a request as a layer around ours measures it, until the event of its log line is here.
const LATEST: Duration = Duration::from_millis(100);

/// The most time from a panic until the layer that catches it logs it. What the process prints of a panic can take long.
const UNWOUND: Duration = Duration::from_secs(10);

/// A failure that was passed on, and which of the libraries that log failures have not logged it yet.
#[derive(Clone, Copy)]
struct Passed {
    task: Option<task::Id>,
    at: Instant,
    by_trace: bool,
    by_catch: bool,
}

thread_local! {
    /// The last failure that was passed on from this thread.
    static PASSED: Cell<Option<Passed>> = const { Cell::new(None) };
}

/// Notes that an exchange failed, and that layers further out see it now.
pub(super) fn note() {
    pass(false);
}

/// As [`note`], of a panic that layers further out may catch.
pub(super) fn note_panic() {
    pass(true);
}

/// Notes that the last panic was caught further in.
pub(super) fn note_caught() {
    let _ = PASSED.try_with(|last| {
        let failure = last.get().map(|failure| Passed {
            by_catch: false,
            ..failure
        });
        last.set(failure);
    });
}

/// Whether a library logs the failure that was just passed on. Each library logs it once.
pub(super) fn repeats(event: &Event<'_>) -> bool {
    let by_trace = match event.logger.as_deref() {
        Some("tower_http::trace::on_failure") => true,
        Some("tower_http::catch_panic") => false,
        _ => return false,
    };
    PASSED
        .try_with(|passed| {
            let Some(mut failure) = passed.get() else {
                return false;
            };
            let is_told = match by_trace {
                true => failure.by_trace && had_begun(event, failure.at),
                false => failure.by_catch && failure.at.elapsed() <= UNWOUND,
            };
            if !is_told || failure.task != task::try_id() {
                return false;
            }
            match by_trace {
                true => failure.by_trace = false,
                false => failure.by_catch = false,
            }
            passed.set(Some(failure));
            true
        })
        .unwrap_or(false)
}

fn pass(by_catch: bool) {
    let passed = Passed {
        task: task::try_id(),
        at: Instant::now(),
        by_trace: true,
        by_catch,
    };
    let _ = PASSED.try_with(|last| last.set(Some(passed)));
}

/// Whether the request of the event had begun when the failure was passed on. A request that began later is another one.
fn had_begun(event: &Event<'_>, at: Instant) -> bool {
    latency(event).is_some_and(|latency| at.elapsed() <= latency + LATEST)
}

/// How long the request took, as a log event of tower-http says it.
fn latency(event: &Event<'_>) -> Option<Duration> {
    let Context::Other(fields) = event.contexts.get("Rust Tracing Fields")? else {
        return None;
    };
    let (number, unit) = fields.get("latency")?.as_str()?.split_once(' ')?;
    let whole = || number.parse().ok();
    match unit {
        "s" => Duration::try_from_secs_f64(number.parse().ok()?).ok(),
        "ms" => whole().map(Duration::from_millis),
        "μs" => whole().map(Duration::from_micros),
        "ns" => whole().map(Duration::from_nanos),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn logged(logger: &str, latency: &str) -> Event<'static> {
        let fields = [("latency".to_owned(), latency.into())];
        let mut event = Event {
            logger: Some(logger.into()),
            ..Event::default()
        };
        let context = Context::Other(fields.into());
        event.contexts.insert("Rust Tracing Fields".into(), context);
        event
    }

    const TRACE: &str = "tower_http::trace::on_failure";

    #[tokio::test(start_paused = true)]
    async fn a_failure_passed_on_is_repeated_once_by_each_library_and_by_no_later_request() {
        assert!(!repeats(&logged(TRACE, "20 ms")), "nothing was passed on");
        for latency in ["20 ms", "0 ms", "20000 μs", "0.02 s", "20000001 ns"] {
            note();
            assert!(!repeats(&logged("shop::orders", latency)), "{latency}");
            assert!(!repeats(&logged("tower_http::catch_panic", latency)));
            assert!(repeats(&logged(TRACE, latency)), "{latency}");
            assert!(!repeats(&logged(TRACE, latency)), "{latency} again");
        }
        note();
        assert!(!repeats(&logged(TRACE, "soon")));
        tokio::time::advance(LATEST + Duration::from_millis(20)).await;
        // A request that began after it.
        for latency in ["19 ms", "0 ms", "19999 μs", "0.019 s", "19999999 ns"] {
            assert!(!repeats(&logged(TRACE, latency)), "{latency}");
        }
        let elsewhere = tokio::spawn(async { repeats(&logged(TRACE, "20 ms")) });
        assert!(!elsewhere.await.unwrap(), "another task on this thread");
        assert!(repeats(&logged(TRACE, "20 ms")), "it took long to log");
        note_panic();
        assert!(repeats(&logged("tower_http::catch_panic", "")));
        assert!(repeats(&logged(TRACE, "20 ms")));
        assert!(!repeats(&logged("tower_http::catch_panic", "")));
        note_panic();
        tokio::time::advance(UNWOUND + Duration::from_millis(1)).await;
        assert!(!repeats(&logged("tower_http::catch_panic", "")), "another");
        note_panic();
        note_caught();
        assert!(!repeats(&logged("tower_http::catch_panic", "")));
    }
}

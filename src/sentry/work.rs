//! Leaves a trace of each query and call on its request, and reports work that was slow.

use std::{
    borrow::Cow,
    cell::Cell,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use sentry::{
    Breadcrumb, Hub, Level, Transaction,
    protocol::{Event, Map, SpanId, SpanStatus, Value},
};

use super::{
    enrich,
    event::{set_fingerprint, tag},
    no_stack::{BASE, LIMIT},
};
#[cfg(all(feature = "logging", feature = "sqlx"))]
use crate::facts::table_names;
use crate::{
    facts::{
        current::thread_is_alive,
        exchange::Exchange,
        report_policy::ReportPolicy,
        sentry_data::{HubGuard, SentryData, thread_has_hub},
        work::{CallOutcome, EndedWork, Work},
    },
    metrics::{Metrics, Sink},
    report::notice::FINGERPRINT,
    text::millis,
    timestamp,
};

/// Makes the thread able to report work even if the work is then dropped, when nobody knows if the thread is ending.
#[inline]
pub(crate) fn ready_for_work() {
    if !thread_has_hub(false) {
        thread_has_hub(thread_is_alive());
    }
}

/// Adds a breadcrumb to the current request, and a child to its transaction if it has one that is sent. Without a request there is
/// neither: they would lie on the thread's hub for others.
///
/// Hooks of the application run here. If one panics, that is counted.
#[inline]
pub(crate) fn note_work(work: &EndedWork<'_>, metrics: Option<&Metrics>) {
    let has_crumb = matches!(work.work, Work::Query | Work::Outbound);
    if let Some(exchange) = Exchange::current()
        && let Some(sentry) = exchange.sentry()
    {
        let transaction = sentry.transaction();
        let transaction = transaction.filter(|_| has_crumb || work.work == Work::Operation);
        if has_crumb || transaction.is_some() {
            note(work, sentry, transaction, has_crumb, metrics);
        }
    }
}

fn note(
    work: &EndedWork<'_>,
    sentry: &SentryData,
    transaction: Option<&Transaction>,
    has_crumb: bool,
    metrics: Option<&Metrics>,
) {
    let noted = thread_is_alive()
        && contained(|| {
            if let Some(transaction) = transaction.filter(|transaction| is_sent(transaction)) {
                add_span(work, transaction);
            }
            if has_crumb {
                add_breadcrumb(work, sentry);
            }
        });
    if !noted {
        Metrics::note_hook_failed(metrics);
    }
}

/// A hub for the log event of work, of which a subscriber can make a breadcrumb. In a request it is already there.
pub(crate) fn hub_for_log(exchange: Option<&Exchange>) -> Option<HubGuard> {
    let none = exchange.is_none() && thread_has_hub(false);
    none.then(|| HubGuard::new(Arc::new(BASE.hub(None))))
}

/// Reports slow work as a warning: through the hub of its request, else through one that has nothing of any request.
pub(crate) fn report_slow_work(
    work: &EndedWork<'_>,
    exchange: Option<&Exchange>,
    metrics: Option<&Metrics>,
) {
    let of_request = exchange.and_then(|exchange| Some((exchange, exchange.sentry()?)));
    let bound = || {
        Hub::main()
            .client()
            .is_some_and(|client| client.is_enabled())
    };
    if of_request.is_none() && !bound() {
        return;
    }
    let in_poll = !matches!(
        work.outcome,
        Some(CallOutcome::Cancelled | CallOutcome::Panicked)
    );
    let reported = thread_has_hub(in_poll && thread_is_alive())
        && contained(|| capture_slow(work, of_request, metrics));
    if !reported {
        Metrics::note_dropped(metrics, Sink::Sentry);
    }
}

fn capture_slow(
    work: &EndedWork<'_>,
    of_request: Option<(&Exchange, &SentryData)>,
    metrics: Option<&Metrics>,
) {
    let words = work.words();
    let group = group(work);
    let fingerprint = [FINGERPRINT, "slow", work.work.as_str(), &group];
    let of_route = of_request.and_then(|(exchange, _)| {
        exchange.read(|overrides| Some(overrides.rare().report_policy.as_ref()?.per_minute))
    });
    let per_minute = of_route.unwrap_or_else(|| ReportPolicy::new().per_minute);
    let Some(suppressed) = LIMIT.admit_for(metrics, &fingerprint, per_minute) else {
        return;
    };
    let mut event = Event {
        level: Level::Warning,
        message: Some(format!("slow {}: {words}", work.work.as_str())),
        ..Event::default()
    };
    set_fingerprint(&mut event, &fingerprint, suppressed);
    tag(&mut event, "name", work.named(Work::Operation));
    tag(&mut event, "operation", work.operation());
    tag(&mut event, "table", work.named(Work::Query));
    tag(&mut event, "external_service", work.named(Work::Outbound));
    tag(&mut event, "job", work.named(Work::Job));
    let outcome = work.outcome.map(CallOutcome::as_str);
    tag(&mut event, "outcome", outcome);
    let extra = &mut event.extra;
    extra.insert("duration_ms".into(), millis(work.duration).into());
    extra.insert("threshold_ms".into(), millis(work.threshold).into());
    match of_request {
        Some((exchange, sentry)) => {
            enrich::add_exchange(&mut event, exchange, sentry);
            sentry.hub.capture_event(event);
        }
        None => {
            BASE.hub(None).capture_event(event);
        }
    }
}

/// What slow work is grouped by: its words. Names of tables can come from statements, and without end. Those above the cap on
/// tables are one group.
fn group<'a>(work: &'a EndedWork<'_>) -> Cow<'a, str> {
    #[cfg(all(feature = "logging", feature = "sqlx"))]
    if work.work == Work::Query && table_names::kept(work.name).is_none() {
        let name = "overflow";
        return EndedWork { name, ..*work }.words().into_owned().into();
    }
    work.words()
}

/// Adds a breadcrumb to the hub of the request, and to that of its task if the task has one of its own.
fn add_breadcrumb(work: &EndedWork<'_>, sentry: &SentryData) {
    let mut data = Map::new();
    let names = [
        ("operation", work.operation()),
        ("table", work.named(Work::Query)),
        ("service", work.named(Work::Outbound)),
        ("outcome", work.outcome.map(CallOutcome::as_str)),
    ];
    for (name, value) in names {
        if let Some(value) = value {
            data.insert(name.to_owned(), Value::from(value));
        }
    }
    data.insert("duration_ms".to_owned(), millis(work.duration).into());
    let crumb = Breadcrumb {
        category: Some(
            if work.work == Work::Query {
                "query"
            } else {
                "http"
            }
            .into(),
        ),
        level: match work.outcome.is_some_and(CallOutcome::is_failure) {
            true => Level::Warning,
            false => Level::Info,
        },
        data,
        ..Breadcrumb::default()
    };
    let current = thread_has_hub(false).then(Hub::current);
    if let Some(task) = current.filter(|current| !Arc::ptr_eq(current, &sentry.hub)) {
        task.add_breadcrumb(crumb.clone());
    }
    sentry.hub.add_breadcrumb(crumb);
}

/// Adds a child that began and ended when the work did. It is a child of the transaction itself: which work runs inside of
/// which other is not known when it ends.
fn add_span(work: &EndedWork<'_>, transaction: &Transaction) {
    let operation = match work.work {
        Work::Query => "db",
        Work::Outbound => "http.client",
        Work::Operation | Work::Job => "function",
    };
    let now = timestamp::now();
    let ended = now.checked_sub(work.ago).unwrap_or(now);
    let began = ended.checked_sub(work.duration).unwrap_or(ended);
    let words = work.words();
    let span = transaction.start_child_with_details(operation, &words, SpanId::default(), began);
    if let Some(outcome) = work.outcome {
        span.set_status(match outcome {
            CallOutcome::Success => SpanStatus::Ok,
            CallOutcome::Error | CallOutcome::Panicked => SpanStatus::InternalError,
            CallOutcome::Timeout => SpanStatus::DeadlineExceeded,
            CallOutcome::Cancelled => SpanStatus::Cancelled,
        });
    }
    span.finish_with_timestamp(ended);
}

/// Whether the client sends the transaction when it ends.
#[expect(
    deprecated,
    reason = "the answer is not passed on, for which alone it is deprecated"
)]
fn is_sent(transaction: &Transaction) -> bool {
    transaction.is_sampled()
}

/// Runs code of the SDK and of its hooks. Returns `false` if that panics, or if a hook does work of its own: the hub of its request
/// is locked then.
fn contained(code: impl FnOnce()) -> bool {
    thread_local! {
        static INSIDE: Cell<bool> = const { Cell::new(false) };
    }
    if INSIDE.replace(true) {
        return false;
    }
    let done = catch_unwind(AssertUnwindSafe(code)).is_ok();
    INSIDE.set(false);
    done
}

#[cfg(all(test, feature = "logging", feature = "sqlx"))]
mod tests {
    use std::{collections::BTreeSet, time::Duration};

    use super::*;

    #[test]
    fn slow_queries_of_tables_without_end_are_few_groups() {
        let groups: BTreeSet<_> = (0..300)
            .map(|n| {
                let table = format!("slow_{n}");
                let work =
                    EndedWork::of(Work::Query, &table, 0, CallOutcome::Success, Duration::ZERO);
                group(&work).into_owned()
            })
            .collect();
        // Other tests of this process keep names, too.
        assert!(groups.len() <= 257 && groups.contains("SELECT overflow"));
        let function = EndedWork::of(
            Work::Operation,
            "slow_299",
            0,
            CallOutcome::Success,
            Duration::ZERO,
        );
        assert_eq!(group(&function), "slow_299");
    }
}

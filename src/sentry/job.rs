//! Gives each run of a background job a Sentry hub of its own, and reports the runs that fail.
//!
//! A job belongs to no stack. So its client is the one that the application has bound, and its policy is the default one.

use std::sync::LazyLock;

use super::{no_stack::BASE, observer::SentryObserver};
use crate::{
    facts::{
        Facts,
        exchange::Exchange,
        sentry_data::{Reported, SentryData},
    },
    report::{ReportPolicy, incident::IncidentKind},
};

/// Reports the runs of all jobs.
static OBSERVER: LazyLock<SentryObserver> = LazyLock::new(|| {
    let mut observer = SentryObserver::new(true);
    observer.base = BASE.clone();
    observer
});

/// A hub for a run that begins. `None` if no client is bound.
pub(crate) fn begin() -> Option<SentryData> {
    SentryData::for_job(&OBSERVER)
}

/// Reports a run that has ended, if it failed. `alive`: the thread is surely not ending.
pub(crate) fn report(exchange: &Exchange, facts: &Facts, alive: bool) {
    if let Some(sentry) = exchange.sentry()
        && let Some(kind) = IncidentKind::of(facts, &ReportPolicy::new())
    {
        OBSERVER.guarded(alive, || OBSERVER.report(exchange, facts, sentry, kind));
        // The panic goes on into the request that awaits the job, and is told.
        if kind == IncidentKind::Panicked
            && let Some(outer) = Exchange::current()
            && let Some(sentry) = outer.sentry()
        {
            sentry.mark(Reported::Panic);
        }
    }
}

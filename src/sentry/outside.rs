//! Sends notices of code that belongs to no stack, by the client that the application has bound.

use std::panic::{AssertUnwindSafe, catch_unwind};

use sentry::Hub;

use super::{
    event,
    no_stack::{BASE, LIMIT},
};
use crate::{
    facts::{current::thread_is_alive, report_policy::ReportPolicy, sentry_data::thread_has_hub},
    metrics::{Metrics, Sink},
    report::notice::{Notice, Noticed},
};

/// Sends a notice by the client of the current hub, or by that of the main hub, at a limited rate. It begins with the scope that
/// the application set on the main hub: it belongs to no request.
pub(crate) fn notify(metrics: Option<&Metrics>, notice: &Notice) -> Noticed {
    let has_hub = thread_has_hub(thread_is_alive());
    let send = || has_hub.then(|| send(notice));
    let noticed = catch_unwind(AssertUnwindSafe(send)).ok().flatten();
    let noticed = noticed.unwrap_or(Noticed::Failed);
    match noticed {
        Noticed::Taken | Noticed::NoClient => {}
        Noticed::HeldBack => Metrics::note_dropped(metrics, Sink::SentryFlood),
        Noticed::Failed => Metrics::note_dropped(metrics, Sink::Sentry),
    }
    noticed
}

fn send(notice: &Notice) -> Noticed {
    let hub = BASE.hub(Hub::current().client().as_ref());
    if hub.client().is_none_or(|client| !client.is_enabled()) {
        return Noticed::NoClient;
    }
    let key: Vec<_> = notice.key.iter().map(String::as_str).collect();
    let Some(held_back) = LIMIT.try_admit(&key, ReportPolicy::new().per_minute) else {
        return Noticed::HeldBack;
    };
    let mut event = event::of_notice(notice);
    event::set_fingerprint(&mut event, &key, held_back);
    hub.capture_event(event);
    Noticed::Taken
}

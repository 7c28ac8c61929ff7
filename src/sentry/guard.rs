//! Guards a Sentry client: what it sends is scrubbed, counted and enriched, and names the trace of its request.

use std::sync::Arc;

use sentry::{Client, ClientOptions, Hub, Integration};

use super::{
    enrich::Enrich,
    trace,
    transport::{Factory, Queue, Queues},
};
use crate::scrub::Scrubbing;

/// Options for a client of the application's own. What the client sends is then scrubbed, counted and enriched.
///
/// ```
/// let options = sentry::ClientOptions::new().release("shop@1.2.3");
/// let _client = sentry::init(tower_vitals::sentry::guard(options));
/// ```
///
/// A transport in the options stays, behind the one of this crate. Attachments that are not text are not sent.
#[must_use = "the client must be made with the returned options"]
pub fn guard(options: ClientOptions) -> ClientOptions {
    guard_with(options, Scrubbing::new())
}

/// As [`guard`], with other rules for scrubbing.
#[must_use = "the client must be made with the returned options"]
pub fn guard_with(mut options: ClientOptions, scrubbing: Scrubbing) -> ClientOptions {
    let factory = Factory {
        scrubbing,
        inner: options.transport.take(),
        metrics: None,
        queues: Queues::default(),
    };
    guarded(options, factory, Enrich::default())
}

/// Finds the queues of a guarded client again.
struct Guarded(Queues);

impl Integration for Guarded {
    fn name(&self) -> &'static str {
        "tower-vitals-guard"
    }
}

/// The queues of a guarded client. None if it is not guarded.
pub(super) fn queues_of(client: &Arc<Client>) -> Vec<Queue> {
    let hub = Hub::new(Some(Arc::clone(client)), Arc::default());
    hub.with_integration(|guarded: &Guarded| guarded.0.all())
}

pub(super) fn guarded(
    mut options: ClientOptions,
    factory: Factory,
    enrich: Enrich,
) -> ClientOptions {
    name_traces(&mut options);
    let queues = Guarded(factory.queues.clone());
    options.transport = Some(Arc::new(factory));
    options.integrations.push(Arc::new(queues));
    options.integrations.push(Arc::new(enrich));
    options
}

/// Makes logs and metrics name the trace of their request. The SDK lets no integration change them, only these hooks.
fn name_traces(options: &mut ClientOptions) {
    let of_application = options.before_send_log.take();
    options.before_send_log = Some(Arc::new(move |mut log| {
        log.trace_id = log.trace_id.map(trace::in_place_of);
        match &of_application {
            Some(hook) => hook(log),
            None => Some(log),
        }
    }));
    let of_application = options.before_send_metric.take();
    options.before_send_metric = Some(Arc::new(move |mut metric| {
        metric.trace_id = trace::in_place_of(metric.trace_id);
        match &of_application {
            Some(hook) => hook(metric),
            None => Some(metric),
        }
    }));
}

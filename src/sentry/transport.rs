//! Sends envelopes from a thread of its own: scrubbed, one at a time, and counted if Sentry did not take them.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

use sentry::{
    Envelope, Transport, TransportFactory, TransportOptions, transports::UreqHttpTransportOptions,
};
use tokio::runtime::Handle;

use super::envelope;
use crate::{
    facts::exchange::Exchange,
    metrics::{Metrics, Sink},
    report::delivery_queue::DeliveryQueue,
    scrub::Scrubbing,
};

/// The most envelopes that wait. Memory stays bounded while Sentry is away.
const MOST_WAITING: usize = 100;

/// The most time that one attempt to send takes.
const ATTEMPT: Duration = Duration::from_secs(10);

/// Makes the transport of a client.
pub(super) struct Factory {
    pub(super) scrubbing: Scrubbing,
    /// The transport that the application chose. That of the SDK if `None`.
    pub(super) inner: Option<Arc<dyn TransportFactory>>,
    pub(super) metrics: Option<Metrics>,
    /// The queue of the one client of these options. Each client has its own if `None`.
    pub(super) queue: Option<Arc<DeliveryQueue<Envelope>>>,
}

/// A transport that only queues.
struct QueueTransport {
    queue: Arc<DeliveryQueue<Envelope>>,
    metrics: Option<Metrics>,
}

/// The thread's side of a [`QueueTransport`].
struct Sender {
    scrubbing: Scrubbing,
    metrics: Option<Metrics>,
    inner: Arc<dyn Transport>,
    /// How many requests Sentry took, if the transport counts them.
    taken: Option<Arc<AtomicU64>>,
}

// === impl Factory ===

impl Factory {
    pub(super) fn queue() -> Arc<DeliveryQueue<Envelope>> {
        Arc::new(DeliveryQueue::new(MOST_WAITING))
    }
}

impl TransportFactory for Factory {
    fn create_transport_with_options(&self, options: TransportOptions) -> Arc<dyn Transport> {
        let (inner, taken) = match &self.inner {
            Some(factory) => (factory.create_transport_with_options(options), None),
            None => {
                let taken = Arc::new(AtomicU64::new(0));
                (http(options, Arc::clone(&taken)), Some(taken))
            }
        };
        let queue = self.queue.clone().unwrap_or_else(Self::queue);
        let sender = Sender {
            scrubbing: self.scrubbing.clone(),
            metrics: self.metrics.clone(),
            inner,
            taken,
        };
        queue.start("vitals-sentry", move |envelope| sender.deliver(envelope));
        Arc::new(QueueTransport {
            queue,
            metrics: self.metrics.clone(),
        })
    }
}

/// The SDK's transport, with a time limit for each attempt and a count of the requests that Sentry took.
fn http(options: TransportOptions, taken: Arc<AtomicU64>) -> Arc<dyn Transport> {
    let proxy = options.https_proxy.as_ref().or(options.http_proxy.as_ref());
    let proxy = proxy.and_then(|proxy| ureq::Proxy::new(proxy).ok());
    let config = ureq::Agent::config_builder()
        .timeout_global(Some(ATTEMPT))
        .max_redirects(0)
        .proxy(proxy.or_else(ureq::Proxy::try_from_env))
        .middleware(
            move |request: http::Request<ureq::SendBody<'_>>,
                  next: ureq::middleware::MiddlewareNext<'_>| {
                let response = next.handle(request);
                if response
                    .as_ref()
                    .is_ok_and(|response| response.status().is_success())
                {
                    taken.fetch_add(1, Ordering::Relaxed);
                }
                response
            },
        );
    Arc::new(
        UreqHttpTransportOptions::from(options)
            .with_agent(config.build().new_agent())
            .build(),
    )
}

// === impl QueueTransport ===

impl Transport for QueueTransport {
    fn send_envelope(&self, envelope: Envelope) {
        if !self.queue.push(envelope) {
            Metrics::or_global(self.metrics.as_ref()).dropped(Sink::Sentry);
        }
    }

    /// Waits, unless the panic of a request or of a task asks. Then the process goes on, and its thread serves others. A panic
    /// of the main thread ends the process, so there it waits.
    fn flush(&self, timeout: Duration) -> bool {
        let in_task = || Handle::try_current().is_ok() && thread::current().name() != Some("main");
        if thread::panicking() && (Exchange::current().is_some() || in_task()) {
            return true;
        }
        self.queue.flush(timeout)
    }
}

impl Drop for QueueTransport {
    fn drop(&mut self) {
        self.queue.close();
    }
}

// === impl Sender ===

impl Sender {
    fn deliver(&self, envelope: Envelope) {
        let scrub = || envelope::scrubbed(envelope, &self.scrubbing);
        let (envelope, lost) = catch_unwind(AssertUnwindSafe(scrub)).unwrap_or((None, 1));
        for _ in 0..lost {
            self.dropped(Sink::SentryScrubbing);
        }
        let send = || envelope.is_none_or(|envelope| self.send(envelope));
        if !catch_unwind(AssertUnwindSafe(send)).unwrap_or(false) {
            self.dropped(Sink::Sentry);
        }
    }

    /// Whether Sentry took it, as far as it can be known.
    fn send(&self, envelope: Envelope) -> bool {
        let taken = || {
            let taken = self.taken.as_ref()?;
            Some(taken.load(Ordering::Relaxed))
        };
        let before = taken();
        self.inner.send_envelope(envelope);
        // One at a time: so the queue of the inner transport never overflows without being noticed.
        let done = self.inner.flush(ATTEMPT * 2);
        done && before.is_none_or(|before| taken() > Some(before))
    }

    fn dropped(&self, sink: Sink) {
        Metrics::or_global(self.metrics.as_ref()).dropped(sink);
    }
}

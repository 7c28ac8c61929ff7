//! Sends envelopes from threads of its own: scrubbed, errors first, and counted if Sentry did not take them.

use std::{
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::Duration,
};

use sentry::{
    ClientOptions, Envelope, Transport, TransportFactory, TransportOptions,
    protocol::{EnvelopeItem, ItemContainer},
};
use tokio::runtime::Handle;

use super::{
    envelope,
    http::{ATTEMPT, Http, Shared},
};
use crate::{
    facts::exchange::Exchange,
    metrics::{Metrics, Sink},
    report::delivery_queue::{DeliveryQueue, Rank, contained},
    scrub::Scrubbing,
};

/// The most envelopes that wait. Memory stays bounded while Sentry is away.
const MOST_WAITING: usize = 100;

/// How many envelopes are under way at once at most. Sentry is far away, and one at a time would be ten in a second.
const SENDERS: usize = 4;

/// For every so many that wait, one more is under way at once. If fewer wait, all arrive in their order.
const BEHIND: usize = 10;

/// The envelopes of one client.
pub(super) type Queue = Arc<DeliveryQueue<Envelope>>;

/// The queues of all clients that were made with the same options.
#[derive(Clone, Default)]
pub(super) struct Queues(Arc<Mutex<Vec<Queue>>>);

/// Makes the transport of a client.
pub(super) struct Factory {
    pub(super) scrubbing: Scrubbing,
    /// The transport that the application chose. That of the SDK if `None`.
    pub(super) inner: Option<Arc<dyn TransportFactory>>,
    pub(super) metrics: Option<Metrics>,
    pub(super) queues: Queues,
}

/// A transport that only queues.
struct QueueTransport {
    queue: Queue,
    metrics: Option<Metrics>,
}

/// The thread's side of a [`QueueTransport`].
struct Sender {
    scrubbing: Scrubbing,
    metrics: Option<Metrics>,
    way: Way,
}

/// How an envelope leaves.
enum Way {
    Http(Http),
    /// The transport that the application chose. It cannot say what Sentry took.
    Chosen(Arc<dyn Transport>),
}

// === impl Queues ===

impl Queues {
    pub(super) fn all(&self) -> Vec<Queue> {
        let queues = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        queues.clone()
    }

    fn add(&self) -> Queue {
        let queue = Arc::new(DeliveryQueue::new(MOST_WAITING));
        let mut queues = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        queues.push(Arc::clone(&queue));
        queue
    }
}

// === impl Factory ===

impl TransportFactory for Factory {
    fn create_transport_with_options(&self, options: TransportOptions) -> Arc<dyn Transport> {
        let queue = self.queues.add();
        for (index, way) in self.ways(options).into_iter().enumerate() {
            let sender = Sender {
                scrubbing: self.scrubbing.clone(),
                metrics: self.metrics.clone(),
                way,
            };
            let deliver = move |envelope| sender.deliver(envelope);
            let running = queue.start("vitals-sentry", index * BEHIND, deliver);
            if index == 0 && !running {
                // The others only help.
                queue.close();
                break;
            }
        }
        Arc::new(QueueTransport {
            queue,
            metrics: self.metrics.clone(),
        })
    }
}

impl Factory {
    /// One way for each envelope that can be under way. A transport of the application gets one at a time: it may have been
    /// made for one.
    fn ways(&self, options: TransportOptions) -> Vec<Way> {
        if let Some(factory) = &self.inner {
            return vec![Way::Chosen(factory.create_transport_with_options(options))];
        }
        let shared = Arc::new(Shared::new(&options));
        let mut all: Vec<_> = (1..SENDERS).filter_map(|_| copied(&options)).collect();
        all.push(options);
        all.into_iter()
            .map(|options| Way::Http(Http::new(options, Arc::clone(&shared))))
            .collect()
    }
}

// === impl QueueTransport ===

impl Transport for QueueTransport {
    fn send_envelope(&self, envelope: Envelope) {
        if let Some(lost) = self.queue.push(rank(&envelope), envelope) {
            Metrics::note_dropped(self.metrics.as_ref(), sink(&lost));
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
    /// Whether Sentry took all that may leave, as far as it can be known.
    fn deliver(&self, envelope: Envelope) -> bool {
        let sink = sink(&envelope);
        let scrub = || envelope::scrubbed(envelope, &self.scrubbing);
        let (envelope, lost) = contained(scrub).unwrap_or((None, 1));
        for _ in 0..lost {
            self.dropped(Sink::SentryScrubbing);
        }
        // What cannot be scrubbed must not be sent, so nothing is left to send.
        let Some(envelope) = envelope else {
            return true;
        };
        let taken = contained(|| self.way.send(envelope)).unwrap_or(false);
        if !taken {
            self.dropped(sink);
        }
        taken
    }

    fn dropped(&self, sink: Sink) {
        Metrics::note_dropped(self.metrics.as_ref(), sink);
    }
}

// === impl Way ===

impl Way {
    fn send(&self, envelope: Envelope) -> bool {
        match self {
            Self::Http(http) => http.send(envelope),
            Self::Chosen(transport) => {
                transport.send_envelope(envelope);
                // One at a time: so its queue never overflows without being noticed.
                transport.flush(ATTEMPT * 2)
            }
        }
    }
}

/// The options once more, which the SDK makes only from those of a client.
fn copied(options: &TransportOptions) -> Option<TransportOptions> {
    let mut client = ClientOptions::new();
    client.dsn = Some(options.dsn.clone());
    client.user_agent = options.user_agent.clone();
    client.http_proxy = options.http_proxy.clone();
    client.https_proxy = options.https_proxy.clone();
    client.accept_invalid_certs = options.accept_invalid_certs;
    client.transport_channel_capacity = options.transport_channel_capacity;
    let mut copied = TransportOptions::try_from_client_options(&client)?;
    copied.client_report_recorder = options.client_report_recorder.clone();
    Some(copied)
}

/// An error goes before everything else.
fn rank(envelope: &Envelope) -> Rank {
    let is_event = |item: &EnvelopeItem| matches!(item, EnvelopeItem::Event(_));
    match envelope.items().any(is_event) {
        true => Rank::First,
        false => Rank::Later,
    }
}

/// Where the loss of an envelope is counted. Its first item says what it is.
fn sink(envelope: &Envelope) -> Sink {
    match envelope.items().next() {
        Some(EnvelopeItem::Transaction(_)) => Sink::SentryTransactions,
        Some(EnvelopeItem::ItemContainer(ItemContainer::Logs(_))) => Sink::SentryLogs,
        Some(EnvelopeItem::ItemContainer(ItemContainer::Metrics(_))) => Sink::SentryMetrics,
        _ => Sink::Sentry,
    }
}

//! Lets nothing out that was not scrubbed, off every request's path, and knows what became of it.

use std::{
    collections::VecDeque,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

use sentry::{
    Envelope, Transport, TransportFactory, TransportOptions,
    protocol::{Attachment, EnvelopeItem, Event, ItemContainer, LogEntry},
    transports::UreqHttpTransportOptions,
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use tokio::runtime::Handle;

use super::scrub::Scrubbing;
use crate::{
    exchange::Exchange,
    metrics::{Metrics, Sink},
};

/// More envelopes than this do not wait: memory is bounded while Sentry is away.
const MOST_WAITING: usize = 100;

/// How long one attempt to send may take in all; the network may do with a connection what it likes.
const ATTEMPT: Duration = Duration::from_secs(10);

/// Makes the one way out for a client.
pub(super) struct Factory {
    pub(super) scrubbing: Scrubbing,
    /// The application's own, or that of the SDK.
    pub(super) inner: Option<Arc<dyn TransportFactory>>,
    pub(super) metrics: Option<Metrics>,
    /// Of the one client that is made of these options, where somebody wants to see it; otherwise each has its own.
    pub(super) progress: Option<Arc<Progress>>,
}

/// What is on its way.
#[derive(Debug, Default)]
pub(super) struct Progress {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<Envelope>,
    /// One is being scrubbed or sent.
    busy: bool,
    closed: bool,
}

/// A queue before another transport.
struct Outbox {
    progress: Arc<Progress>,
    metrics: Option<Metrics>,
}

/// The thread's end of an [`Outbox`].
struct Sender {
    progress: Arc<Progress>,
    scrubbing: Scrubbing,
    metrics: Option<Metrics>,
    inner: Arc<dyn Transport>,
    /// Requests that Sentry took, where the transport tells.
    taken: Option<Arc<AtomicU64>>,
}

// === impl Factory ===

impl TransportFactory for Factory {
    fn create_transport_with_options(&self, options: TransportOptions) -> Arc<dyn Transport> {
        let (inner, taken) = match &self.inner {
            Some(factory) => (factory.create_transport_with_options(options), None),
            None => {
                let taken = Arc::new(AtomicU64::new(0));
                (http(options, Arc::clone(&taken)), Some(taken))
            }
        };
        let progress = self.progress.clone().unwrap_or_default();
        let sender = Sender {
            progress: Arc::clone(&progress),
            scrubbing: self.scrubbing.clone(),
            metrics: self.metrics.clone(),
            inner,
            taken,
        };
        let thread = thread::Builder::new().name("vitals-sentry".into());
        if thread.spawn(move || sender.run()).is_err() {
            progress.lock().closed = true;
        }
        Arc::new(Outbox {
            progress,
            metrics: self.metrics.clone(),
        })
    }
}

/// The SDK's transport, with an end to each attempt and a count of those that were taken.
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
                let answer = next.handle(request);
                if answer
                    .as_ref()
                    .is_ok_and(|answer| answer.status().is_success())
                {
                    taken.fetch_add(1, Ordering::Relaxed);
                }
                answer
            },
        );
    Arc::new(
        UreqHttpTransportOptions::from(options)
            .with_agent(config.build().new_agent())
            .build(),
    )
}

// === impl Progress ===

impl Progress {
    /// Envelopes that nobody has taken yet.
    pub(super) fn unsent(&self) -> u64 {
        let state = self.lock();
        state.waiting.len() as u64 + u64::from(state.busy)
    }

    /// Waits until all is sent; `false` where that takes longer.
    pub(super) fn flush(&self, timeout: Duration) -> bool {
        let unsent = |state: &mut State| state.busy || !state.waiting.is_empty();
        let waited = self
            .changed
            .wait_timeout_while(self.lock(), timeout, unsent);
        let (_state, waited) = waited.unwrap_or_else(PoisonError::into_inner);
        !waited.timed_out()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Outbox ===

impl Transport for Outbox {
    fn send_envelope(&self, envelope: Envelope) {
        let mut state = self.progress.lock();
        if state.closed || state.waiting.len() >= MOST_WAITING {
            drop(state);
            Metrics::or_global(self.metrics.as_ref()).dropped(Sink::Sentry);
            return;
        }
        state.waiting.push_back(envelope);
        self.progress.changed.notify_all();
    }

    /// Waits, unless a request's or a task's panic asks: the process lives on, and the thread that would wait serves others.
    /// A panic of the main thread is another matter.
    fn flush(&self, timeout: Duration) -> bool {
        let of_a_task =
            || Handle::try_current().is_ok() && thread::current().name() != Some("main");
        if thread::panicking() && (Exchange::current().is_some() || of_a_task()) {
            return true;
        }
        self.progress.flush(timeout)
    }
}

impl Drop for Outbox {
    fn drop(&mut self) {
        self.progress.lock().closed = true;
        self.progress.changed.notify_all();
    }
}

// === impl Sender ===

impl Sender {
    /// Sends until the outbox is gone and empty.
    fn run(self) {
        while let Some(envelope) = self.next() {
            let scrubbed = catch_unwind(AssertUnwindSafe(|| self.scrub(envelope)));
            let (envelope, lost) = scrubbed.unwrap_or((None, 1));
            for _ in 0..lost {
                self.dropped(Sink::SentryScrubbing);
            }
            let send = || envelope.is_none_or(|envelope| self.send(envelope));
            if !catch_unwind(AssertUnwindSafe(send)).unwrap_or(false) {
                self.dropped(Sink::Sentry);
            }
            self.progress.lock().busy = false;
            self.progress.changed.notify_all();
        }
    }

    fn next(&self) -> Option<Envelope> {
        let mut state = self.progress.lock();
        loop {
            if let Some(envelope) = state.waiting.pop_front() {
                state.busy = true;
                return Some(envelope);
            }
            if state.closed {
                return None;
            }
            let waited = self.progress.changed.wait(state);
            state = waited.unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// The envelope without secrets, and how many of its items could not be made so.
    fn scrub(&self, envelope: Envelope) -> (Option<Envelope>, usize) {
        let Some(headers) = self.looked_into(envelope.headers(), Scrubbing::header) else {
            return (None, 1);
        };
        let mut kept = Envelope::new().with_headers(headers);
        let mut empty = true;
        // An envelope of raw bytes has no items to look into, and does not leave.
        let mut lost = usize::from(envelope.items().next().is_none());
        for item in envelope.into_items() {
            match self.item_of(item) {
                Some(item) => {
                    kept.add_item(item);
                    empty = false;
                }
                None => lost += 1,
            }
        }
        ((!empty).then_some(kept), lost)
    }

    fn item_of(&self, item: EnvelopeItem) -> Option<EnvelopeItem> {
        Some(match item {
            EnvelopeItem::Event(event) => self.item(&in_schema(*event))?.into(),
            EnvelopeItem::Transaction(transaction) => self.item(&*transaction)?.into(),
            EnvelopeItem::SessionUpdate(session) => self.item(&session)?.into(),
            EnvelopeItem::SessionAggregates(sessions) => self.item(&sessions)?.into(),
            EnvelopeItem::MonitorCheckIn(check_in) => self.item(&check_in)?.into(),
            EnvelopeItem::Attachment(attachment) => self.attachment(attachment)?.into(),
            EnvelopeItem::ItemContainer(ItemContainer::Logs(logs)) => self.item(&logs)?.into(),
            EnvelopeItem::ItemContainer(ItemContainer::Metrics(metrics)) => {
                self.item(&metrics)?.into()
            }
            // Numbers of what was lost.
            report @ EnvelopeItem::ClientReport(_) => report,
            // A kind that a later SDK knows and we do not.
            _ => return None,
        })
    }

    fn item<T: Serialize + DeserializeOwned>(&self, item: &T) -> Option<T> {
        self.looked_into(item, Scrubbing::item)
    }

    fn looked_into<T: Serialize + DeserializeOwned>(
        &self,
        item: &T,
        scrub: fn(&Scrubbing, &mut Value),
    ) -> Option<T> {
        let mut item = serde_json::to_value(item).ok()?;
        scrub(&self.scrubbing, &mut item);
        serde_json::from_value(item).ok()
    }

    /// Text is scrubbed; what is none cannot be looked into, and does not leave.
    fn attachment(&self, attachment: Attachment) -> Option<Attachment> {
        let text = String::from_utf8(attachment.buffer).ok()?;
        if !self.scrubbing.lets_text_through() {
            return None;
        }
        Some(Attachment {
            buffer: self.scrubbing.text(&text).into_owned().into_bytes(),
            filename: self.scrubbing.text(&attachment.filename).into_owned(),
            content_type: attachment.content_type,
            ty: attachment.ty,
        })
    }

    /// Whether Sentry took it, as far as anyone can know.
    fn send(&self, envelope: Envelope) -> bool {
        let taken = || {
            self.taken
                .as_ref()
                .map(|taken| taken.load(Ordering::Relaxed))
        };
        let before = taken();
        self.inner.send_envelope(envelope);
        // One at a time: so the queue of the transport behind never overflows unseen.
        let done = self.inner.flush(ATTEMPT * 2);
        done && before.is_none_or(|before| taken() > Some(before))
    }

    fn dropped(&self, sink: Sink) {
        Metrics::or_global(self.metrics.as_ref()).dropped(sink);
    }
}

/// The event, with its message where Sentry's schema has it: the SDK's own field is an older name, which a strict server refuses.
fn in_schema(mut event: Event<'static>) -> Event<'static> {
    if let Some(message) = event.message.take() {
        event.logentry.get_or_insert_with(|| LogEntry {
            message,
            ..LogEntry::default()
        });
    }
    event
}

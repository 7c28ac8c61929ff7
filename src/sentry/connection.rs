//! Connects a stack to Sentry, and reports what belongs to no request.

use std::{fmt, sync::Arc};

use sentry::{
    Client, ClientOptions, Hub, Integration,
    integrations::{
        backtrace::{AttachStacktraceIntegration, ProcessStacktraceIntegration},
        contexts::ContextIntegration,
        panic::PanicIntegration,
    },
};

use super::{
    event,
    guard::guarded,
    no_stack,
    observer::SentryObserver,
    options::{SentryOptions, Source},
    outgoing::Outgoing,
    transport::{Factory, Queues},
};
use crate::{
    config::ConfigError,
    emit,
    metrics::Metrics,
    release::Release,
    report::notice::{Notice, NoticeSink},
    scrub::of_process,
};

/// The connection of a stack to Sentry.
#[derive(Clone)]
pub(crate) struct Connection {
    pub(crate) observer: SentryObserver,
}

// === impl Connection ===

impl Connection {
    /// The stand-in of this room cannot.
    pub(crate) const CAN_SEND: bool = true;

    /// Reports nothing.
    fn off() -> Self {
        Self {
            observer: SentryObserver::new(false),
        }
    }

    /// Connects as the options have it. Without options it is off. If `shared`, the client is also bound to the main hub and
    /// to the current one, unless they have a client: for what is captured outside of requests.
    pub(crate) fn new(
        options: Option<SentryOptions>,
        release: &Release,
        metrics: &Metrics,
        shared: bool,
    ) -> Result<Self, ConfigError> {
        let Some(options) = options else {
            return Ok(Self::off());
        };
        if shared {
            of_process::set(&options.scrubbing);
        }
        let mut observer = SentryObserver::new(!matches!(options.source, Source::Dsn(None)));
        if options.asks_for_profiles && observer.on {
            warn_of_profiles();
        }
        observer.set_policy(options.policy);
        observer.transactions = options.transactions;
        observer.inherits_hub = options.inherits_hub;
        observer.shows_client = options.shows_client;
        observer.set_metrics(metrics.clone());
        observer.enrich.service = release.service.clone();
        if let Source::Dsn(Some(dsn)) = options.source {
            let mut client = ClientOptions::new()
                .default_integrations(false)
                .traces_sample_rate(options.sample_rate);
            client.dsn = Some(dsn);
            client.release = release.version.clone().map(Into::into);
            client.environment = Some(release.environment.clone().into());
            client.integrations = integrations();
            let mut scrubbing = options.scrubbing.checked()?;
            if options.shows_client {
                scrubbing.keep_addresses();
            }
            let factory = Factory {
                scrubbing,
                inner: None,
                metrics: Some(metrics.clone()),
                queues: Queues::default(),
            };
            let client = guarded(client, factory, observer.enrich.clone());
            observer.client = Some(Arc::new(Client::with_options(client)));
        }
        if let Some(client) = observer.client.as_ref().filter(|_| shared) {
            for hub in [Hub::main(), Hub::current()] {
                if hub.client().is_none() {
                    hub.bind_client(Some(Arc::clone(client)));
                }
            }
        }
        observer.base.learn();
        no_stack::BASE.learn();
        Ok(Self { observer })
    }

    /// What is on its way to Sentry, by this client and by those that the application has bound.
    pub(crate) fn outgoing(&self) -> Outgoing {
        Outgoing::new(self.observer.client.as_ref())
    }
}

impl NoticeSink for Connection {
    fn is_on(&self) -> bool {
        self.observer.on
    }

    fn notify(&self, notice: &Notice) {
        if !self.observer.on {
            return;
        }
        let event = event::of_notice(notice);
        if !self.observer.admits(&event) {
            return;
        }
        let own = self.observer.client.as_ref();
        self.observer.base.hub(own).capture_event(event);
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("observer", &self.observer)
            .finish_non_exhaustive()
    }
}

// === impl SentryOptions ===

#[cfg(feature = "cli")]
impl SentryOptions {
    /// Sends one notice and nothing else. Returns whether Sentry took it in time, or `None` without a DSN.
    pub(crate) fn send(
        self,
        notice: &Notice,
        timeout: std::time::Duration,
    ) -> Result<Option<bool>, ConfigError> {
        use crate::metrics::{Settings, Sink};
        let metrics = Settings::new().isolated()?;
        let connection = Connection::new(Some(self), &Release::unknown(), &metrics, false)?;
        if connection.observer.client.is_none() {
            return Ok(None);
        }
        connection.notify(notice);
        let unsent = connection.outgoing().flush(timeout);
        let unscrubbed = metrics.totals().dropped(Sink::SentryScrubbing);
        Ok(Some(unsent + unscrubbed == 0))
    }
}

fn warn_of_profiles() {
    emit::tell(|| {
        tracing::warn!(
            target: "tower_vitals",
            "SENTRY_PROFILES_SAMPLE_RATE has no effect: no profiles are made"
        );
    });
}

/// The SDK's own integrations, in the SDK's order.
fn integrations() -> Vec<Arc<dyn Integration>> {
    vec![
        Arc::new(AttachStacktraceIntegration),
        Arc::new(ContextIntegration::default()),
        Arc::new(PanicIntegration::default()),
        Arc::new(ProcessStacktraceIntegration),
    ]
}

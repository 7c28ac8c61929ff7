//! Tells Sentry what went wrong, with its cause and without a secret.
//!
//! # When it speaks
//!
//! Only where the application says so: with [`VitalsBuilder::sentry`](crate::vitals::VitalsBuilder::sentry), or with a
//! [`SentryScopeLayer`] and a client of its own. What the environment holds changes nothing by itself.
//!
//! | what | as |
//! | --- | --- |
//! | an answer of 500 to 599, a gRPC status that is the server's fault, an `Err` | an error, with the chain of causes that category and log see |
//! | a panic | an error, once, whoever catches it |
//! | an answer after 2 s, after 5 s | a warning, an error |
//! | a request without an answer ([`log_stuck`](crate::vitals::VitalsBuilder::log_stuck)) | a warning, once |
//! | what the handler captures with the `sentry` crate | as it is |
//!
//! [`Reports`] changes all of it, also for one route. 4xx, probes and 5xx on excluded paths tell nothing by default. A thousand
//! failures of one route, for one reason, are one issue: its fingerprint is method, endpoint, category and kind.
//!
//! Whatever is captured while a request is [current](crate::exchange::Exchange::current) has its `request_id`, `endpoint`,
//! `method`, `severity` and `error_category` as tags, `tenant_id`, user and tags of
//! [`RequestContext`](crate::RequestContext), the route as its transaction, and breadcrumbs of that request alone. A spawned task
//! has them too if [`Exchange::scope`](crate::exchange::Exchange::scope) carries the request there.
//!
//! # What leaves
//!
//! Everything that leaves, of whatever kind, is scrubbed as the last step before it is sent, after any `before_send`; see
//! [`Scrubbing`]. What cannot be scrubbed is dropped and counted. A client that the application makes itself is scrubbed if its
//! options went through [`guard`]; one that is bound without it is used, and warned about once.
//!
//! A panic makes its request wait for as long as the SDK takes to collect the stack trace: in a debug build, most of a second.
//!
//! Nothing else waits for Sentry: events go through a queue of 100 to a thread of their own. What does not fit, is refused or fails
//! counts in `vitals_dropped_total{sink="sentry"}`.

mod flood;
mod incident;
mod outbox;
mod reporter;
mod reports;
mod scope;
mod scrub;
mod trace;

use std::{env, fmt, sync::Arc, time::Duration};

use sentry::{
    Client, ClientOptions, Hub, Integration,
    integrations::{
        backtrace::{AttachStacktraceIntegration, ProcessStacktraceIntegration},
        contexts::ContextIntegration,
        panic::PanicIntegration,
    },
    protocol::Event,
    types::Dsn,
};
use tower_layer::Layer;

use self::{
    outbox::{Factory, Progress},
    scope::Enrich,
};
pub(crate) use self::{reporter::SentryObserver, scope::Scope};
pub use self::{reports::Reports, scrub::Scrubbing};
use crate::{
    config::ConfigError,
    exclude::Patterns,
    metrics::Metrics,
    observe::{Engine, Examined, Observed},
    release::Release,
};

/// Gives each request a Sentry scope of its own, and tells Sentry of those that go wrong.
///
/// It uses the client that the application has bound, as `sentry::init` does; without one it does nothing. See the
/// [module docs](self).
#[derive(Clone, Debug)]
pub struct SentryScopeLayer {
    engine: Arc<Engine<SentryObserver>>,
}

/// How the ready-made stack talks to Sentry.
///
/// ```no_run
/// use tower_vitals::{Vitals, sentry::SentryOptions};
///
/// let vitals = Vitals::from_env()?.sentry(SentryOptions::from_env()?).build()?;
/// # Ok::<(), tower_vitals::config::ConfigError>(())
/// ```
#[derive(Clone)]
pub struct SentryOptions {
    client: Source,
    /// Where the environment said; what the builder says overrules it.
    pub(crate) release: Option<Release>,
    rate: f32,
    transactions: bool,
    reports: Reports,
    scrubbing: Scrubbing,
}

#[derive(Clone)]
enum Source {
    Ours(Option<Dsn>),
    Bound,
}

/// What became of the options.
#[derive(Clone)]
pub(crate) struct Connection {
    pub(crate) reporter: SentryObserver,
    client: Option<Arc<Client>>,
    progress: Arc<Progress>,
}

/// Options for a client of the application's own, such that what it sends is scrubbed, counted and enriched.
///
/// ```
/// let options = sentry::ClientOptions::new().release("shop@1.2.3");
/// let _client = sentry::init(tower_vitals::sentry::guard(options));
/// ```
///
/// What the options have for a transport stays, behind ours. Attachments that are not text do not leave.
#[must_use = "the client must be made with what is returned"]
pub fn guard(options: ClientOptions) -> ClientOptions {
    guard_with(options, Scrubbing::new())
}

/// The same, with rules of one's own.
#[must_use = "the client must be made with what is returned"]
pub fn guard_with(options: ClientOptions, scrubbing: Scrubbing) -> ClientOptions {
    guarded(options, scrubbing, Enrich::default(), None, None)
}

fn guarded(
    mut options: ClientOptions,
    scrubbing: Scrubbing,
    enrich: Enrich,
    metrics: Option<Metrics>,
    progress: Option<Arc<Progress>>,
) -> ClientOptions {
    options.transport = Some(Arc::new(Factory {
        scrubbing,
        inner: options.transport.take(),
        metrics,
        progress,
    }));
    options.integrations.push(Arc::new(enrich));
    options
}

// === impl SentryScopeLayer ===

impl SentryScopeLayer {
    /// A layer with the default [`Reports`].
    #[must_use]
    pub fn new() -> Self {
        Self {
            engine: Arc::new(Engine {
                exclude: Patterns::default(),
                observer: SentryObserver::new(true),
            }),
        }
    }

    /// SeriesKey requests Sentry is told of. Within another layer of this kind, on a route, this is that route's own setting.
    #[must_use]
    pub fn reports(mut self, reports: Reports) -> Self {
        Arc::make_mut(&mut self.engine).observer.tell_of(reports);
        self
    }

    /// Makes a transaction of each request that the client samples. Defaults to off.
    ///
    /// It is named by its route, continues an incoming `sentry-trace`, and ends when the response has truly ended.
    #[must_use]
    pub fn transactions(mut self) -> Self {
        Arc::make_mut(&mut self.engine).observer.transactions = true;
        self
    }

    /// Where it counts what was not told. Defaults to [`Metrics::global`].
    #[must_use]
    pub fn metrics(mut self, metrics: Metrics) -> Self {
        Arc::make_mut(&mut self.engine).observer.count_in(metrics);
        self
    }

    /// The paths that this layer, and those of ours further in, leave alone. Defaults to none.
    #[must_use]
    pub fn exclude(mut self, patterns: Patterns) -> Self {
        Arc::make_mut(&mut self.engine).exclude = patterns;
        self
    }
}

impl Default for SentryScopeLayer {
    fn default() -> Self {
        Self::new()
    }
}

impl<S> Layer<S> for SentryScopeLayer {
    type Service = Observed<S, Examined>;

    fn layer(&self, inner: S) -> Observed<S, Examined> {
        Observed::new(inner, Arc::clone(&self.engine) as _)
    }
}

// === impl SentryOptions ===

impl SentryOptions {
    /// A client of ours that sends to `dsn`.
    ///
    /// # Errors
    ///
    /// When `dsn` is none; the error shows it without its keys.
    pub fn new(dsn: &str) -> Result<Self, ConfigError> {
        let parsed: Dsn = dsn.parse().map_err(|error| {
            let shown = scrub::without_secrets(dsn);
            ConfigError::new("sentry.dsn", shown, format!("{error}"))
        })?;
        Ok(Self::with(Source::Ours(Some(parsed))))
    }

    /// Whatever client the application has bound: nothing about it is changed, and it is scrubbed if it went through [`guard`].
    #[must_use]
    pub fn bound() -> Self {
        Self::with(Source::Bound)
    }

    /// What the environment says.
    ///
    /// | variable | |
    /// | --- | --- |
    /// | `SENTRY_DSN` | where to send; unset, nothing is sent |
    /// | `SENTRY_TRACES_SAMPLE_RATE` | how many requests are [transactions](Self::transactions), from 0 to 1, where those are on; 0.1 |
    /// | `SENTRY_RELEASE`, `SENTRY_ENVIRONMENT` and their substitutes | see [`Release::from_env`] |
    ///
    /// # Errors
    ///
    /// When a value cannot be used; the error names the variable.
    pub fn from_env() -> Result<Self, ConfigError> {
        Self::from_variables(|name| {
            env::var_os(name).map(|value| value.to_string_lossy().into_owned())
        })
    }

    fn from_variables(variable: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let set = |name| {
            let value = variable(name)?.trim().to_owned();
            (!value.is_empty()).then_some(value)
        };
        let mut options = match set("SENTRY_DSN") {
            Some(dsn) => Self::new(&dsn).map_err(|error| error.within("SENTRY_DSN"))?,
            None => Self::with(Source::Ours(None)),
        };
        if let Some(rate) = set("SENTRY_TRACES_SAMPLE_RATE") {
            let refuse = || {
                ConfigError::new(
                    "SENTRY_TRACES_SAMPLE_RATE",
                    rate.as_str(),
                    "expected a number from 0 to 1",
                )
            };
            let parsed = rate.parse().map_err(|_| refuse())?;
            options = options.sample_rate(parsed).map_err(|_| refuse())?;
        }
        options.release = Some(Release::from_variables(&variable));
        Ok(options)
    }

    fn with(client: Source) -> Self {
        Self {
            client,
            release: None,
            rate: 0.1,
            transactions: false,
            reports: Reports::new(),
            scrubbing: Scrubbing::new(),
        }
    }

    /// Makes a transaction of some requests: named by the route, with the status of the true end, never of an excluded path.
    /// Defaults to off.
    #[must_use]
    pub fn transactions(mut self) -> Self {
        self.transactions = true;
        self
    }

    /// Of how many, from 0 to 1, where the client is ours. Defaults to 0.1.
    ///
    /// # Errors
    ///
    /// When it is not from 0 to 1.
    pub fn sample_rate(mut self, rate: f32) -> Result<Self, ConfigError> {
        if !(0.0..=1.0).contains(&rate) {
            let reason = "expected a number from 0 to 1";
            return Err(ConfigError::new(
                "sentry.sample_rate",
                rate.to_string(),
                reason,
            ));
        }
        self.rate = rate;
        Ok(self)
    }

    /// SeriesKey requests Sentry is told of.
    #[must_use]
    pub fn reports(mut self, reports: Reports) -> Self {
        self.reports = reports;
        self
    }

    /// What is filtered beside what always is, where the client is ours.
    #[must_use]
    pub fn scrubbing(mut self, scrubbing: Scrubbing) -> Self {
        self.scrubbing = scrubbing;
        self
    }

    /// Sends a deployment and nothing else: whether it was taken in time, or `None` where there is nobody to send it to.
    #[cfg(feature = "cli")]
    pub(crate) fn send(
        self,
        deployment: &crate::Deployment,
        environment: &str,
        timeout: Duration,
    ) -> Result<Option<bool>, ConfigError> {
        let metrics = crate::metrics::Settings::new().isolated()?;
        let connection = self.connect(&Release::unknown(), &metrics, false)?;
        if connection.client.is_none() {
            return Ok(None);
        }
        connection.capture(deployment.event(environment));
        let unsent = connection.flush(timeout);
        let totals = metrics.totals();
        Ok(Some(
            unsent + totals.dropped_sentry + totals.dropped_sentry_scrubbing == 0,
        ))
    }

    /// The client; one that is `shared` also takes what is captured outside of any request, unless another does already.
    pub(crate) fn connect(
        self,
        release: &Release,
        metrics: &Metrics,
        shared: bool,
    ) -> Result<Connection, ConfigError> {
        let progress = Arc::<Progress>::default();
        let mut reporter = SentryObserver::new(!matches!(self.client, Source::Ours(None)));
        reporter.tell_of(self.reports);
        reporter.transactions = self.transactions;
        reporter.count_in(metrics.clone());
        let client = match &self.client {
            Source::Ours(Some(dsn)) => {
                let mut options = ClientOptions::new()
                    .default_integrations(false)
                    .traces_sample_rate(self.rate);
                options.dsn = Some(dsn.clone());
                options.release = release.version.clone().map(Into::into);
                options.environment = Some(release.environment.clone().into());
                options.integrations = integrations();
                let scrubbing = self.scrubbing.clone().checked()?;
                let options = guarded(
                    options,
                    scrubbing,
                    reporter.enrich.clone(),
                    Some(metrics.clone()),
                    Some(Arc::clone(&progress)),
                );
                Some(Arc::new(Client::with_options(options)))
            }
            _ => None,
        };
        if let Some(client) = client.as_ref().filter(|_| shared) {
            for hub in [Hub::main(), Hub::current()] {
                if hub.client().is_none() {
                    hub.bind_client(Some(Arc::clone(client)));
                }
            }
        }
        reporter.client.clone_from(&client);
        Ok(Connection {
            reporter,
            client,
            progress,
        })
    }
}

impl fmt::Debug for SentryOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SentryOptions")
            .field("on", &!matches!(self.client, Source::Ours(None)))
            .field("transactions", &self.transactions)
            .field("reports", &self.reports)
            .field("scrubbing", &self.scrubbing)
            .finish_non_exhaustive()
    }
}

/// What the SDK adds to events by itself, in its own order.
fn integrations() -> Vec<Arc<dyn Integration>> {
    vec![
        Arc::new(AttachStacktraceIntegration),
        Arc::new(ContextIntegration::default()),
        Arc::new(PanicIntegration::default()),
        Arc::new(ProcessStacktraceIntegration),
    ]
}

// === impl Connection ===

impl Connection {
    pub(crate) fn off() -> Self {
        Self {
            reporter: SentryObserver::new(false),
            client: None,
            progress: Arc::default(),
        }
    }

    /// Waits until all is sent, or for so long; what is left then.
    pub(crate) fn flush(&self, timeout: Duration) -> u64 {
        if let Some(client) = &self.client {
            client.flush(Some(timeout));
        }
        self.unsent()
    }

    /// What nobody has taken yet.
    pub(crate) fn unsent(&self) -> u64 {
        self.progress.unsent()
    }

    /// Captures an event outside of any request, unless the same was told often enough.
    pub(crate) fn capture(&self, event: Event<'static>) {
        if !self.reporter.is_on() || !self.reporter.admits(&event) {
            return;
        }
        match &self.client {
            Some(client) => _ = client.capture_event(event, None),
            None => _ = Hub::main().capture_event(event),
        }
    }

    /// Tells of a critical check that failed, with the error that only those see who may.
    #[cfg(feature = "health")]
    pub(crate) fn health(&self, report: &crate::health::CheckReport) {
        let mut event = Event {
            message: Some(format!("health check {} failed", report.name)),
            fingerprint: [scope::OURS, "health", &report.name]
                .map(|part| part.to_owned().into())
                .to_vec()
                .into(),
            ..Event::default()
        };
        event.tags.insert("check".into(), report.name.to_string());
        let latency = crate::text::millis(report.latency);
        event.extra.insert("latency_ms".into(), latency.into());
        if let Some(error) = &report.error {
            event.extra.insert("error".into(), (&**error).into());
        }
        self.capture(event);
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("reporter", &self.reporter)
            .finish_non_exhaustive()
    }
}

//! Puts the layers together in the order that works, once, for a whole application.

#[cfg(any(feature = "health", feature = "sentry"))]
use std::time::Duration;
use std::{env, sync::Arc};

use tower_layer::Layer;

#[cfg(feature = "prometheus")]
use crate::metrics::Exporter;
#[cfg(feature = "sentry")]
use crate::sentry::{Connection, SentryObserver, SentryOptions};
use crate::{
    category::{CategoryObserver, Rules},
    config::ConfigError,
    exclude::Patterns,
    log::AccessLogObserver,
    metrics::{Metrics, Names, Settings},
    observe::{Engine, Examined, Observed},
    release::Release,
    request_id::{RequestIdLayer, RequestIdObserver},
    stuck::StuckObserver,
    timing::{SeverityBands, TimingObserver},
};
#[cfg(feature = "health")]
use crate::{
    drain::{self, Shutdown},
    health::{Health, HealthService},
};

/// The path under which [`Vitals::routes`] answers a scrape.
#[cfg(all(feature = "axum", feature = "prometheus"))]
const METRICS_PATH: &str = "/metrics";

/// Everything at once: one layer and one router.
///
/// ```
/// use axum::{Router, routing::get};
/// use tower_vitals::Vitals;
///
/// let vitals = Vitals::builder().exclude(["/livez", "/static/"]).build()?;
/// let app: Router = Router::new()
///     .route("/orders/{id}", get(|| async { "an order" }))
///     .layer(vitals.layer())
///     .merge(vitals.routes());
/// # Ok::<(), tower_vitals::config::ConfigError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Vitals {
    layer: VitalsLayer,
    metrics: Metrics,
    /// Where it runs.
    pub(crate) environment: Arc<str>,
    #[cfg(feature = "prometheus")]
    exporter: Option<Exporter>,
    #[cfg(feature = "health")]
    health: Option<HealthService>,
    #[cfg(feature = "health")]
    pub(crate) shutdown: Shutdown,
    #[cfg(feature = "sentry")]
    pub(crate) sentry: Connection,
}

/// The layers of the ready-made stack in one: one clock, one guard, one wrapper around the body.
#[derive(Clone, Debug)]
pub struct VitalsLayer {
    engine: Arc<Engine<Stack>>,
}

/// From the outside in.
type Stack = (
    // First, so that there is an id for all that follows.
    RequestIdObserver,
    // Counters before the log, so that nothing that goes wrong in a subscriber can cost a number.
    (
        TimingObserver,
        (CategoryObserver, (AccessLogObserver, Last)),
    ),
);

/// Last those that others wait for least.
#[cfg(feature = "sentry")]
type Last = (StuckObserver, SentryObserver);
#[cfg(not(feature = "sentry"))]
type Last = StuckObserver;

/// Collects settings until [`build`](Self::build) checks them.
#[derive(Clone, Debug)]
#[must_use = "nothing is installed before `build`"]
pub struct VitalsBuilder {
    request_id: RequestIdLayer,
    bands: SeverityBands,
    rules: Rules,
    log_stuck: bool,
    #[cfg(feature = "health")]
    health: Option<HealthService>,
    #[cfg(feature = "health")]
    drain_delay: Duration,
    #[cfg(feature = "health")]
    shutdown_deadline: Duration,
    #[cfg(feature = "sentry")]
    sentry: Option<SentryOptions>,
    release: Option<Release>,
    exclude: Vec<String>,
    settings: Settings,
    recorder: Recorder,
}

#[derive(Clone, Copy, Debug)]
enum Recorder {
    #[cfg(feature = "prometheus")]
    Ours,
    Foreign,
    Isolated,
}

// === impl Vitals ===

impl Vitals {
    /// A builder with the defaults.
    pub fn builder() -> VitalsBuilder {
        VitalsBuilder {
            request_id: RequestIdLayer::new(),
            bands: SeverityBands::default(),
            rules: Rules::new(),
            log_stuck: false,
            #[cfg(feature = "health")]
            health: None,
            #[cfg(feature = "health")]
            drain_delay: drain::DELAY,
            #[cfg(feature = "health")]
            shutdown_deadline: drain::DEADLINE,
            #[cfg(feature = "sentry")]
            sentry: None,
            release: None,
            exclude: Vec::new(),
            settings: Settings::new(),
            #[cfg(feature = "prometheus")]
            recorder: Recorder::Ours,
            #[cfg(not(feature = "prometheus"))]
            recorder: Recorder::Foreign,
        }
    }

    /// A builder with what the environment says, which later calls on it overrule.
    ///
    /// | variable | |
    /// | --- | --- |
    /// | `MONITORING_EXCLUDE` | [patterns](Patterns), separated by commas |
    /// | `MONITORING_METRIC_NAMES` | `guides` or `otel` |
    /// | `APP_VERSION`, `ENVIRONMENT` and others | see [`Release::from_env`] |
    ///
    /// Unset and empty mean the default; space around a value is ignored.
    ///
    /// # Errors
    ///
    /// When a value cannot be used; the error names the variable.
    pub fn from_env() -> Result<VitalsBuilder, ConfigError> {
        from_variables(|name| env::var_os(name).map(|value| value.to_string_lossy().into_owned()))
    }

    /// The layer to put around the application.
    #[must_use]
    pub fn layer(&self) -> VitalsLayer {
        self.layer.clone()
    }

    /// What this application counts.
    #[must_use]
    pub const fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// The checks behind the probes.
    #[cfg(feature = "health")]
    pub(crate) fn health_handle(&self) -> Option<&Health> {
        self.health.as_ref().map(HealthService::handle)
    }

    /// Waits until all that Sentry is to get was sent, or for `timeout`; returns how many events were not.
    ///
    /// Blocks the thread: for the end of a program that does not use [`run`](Self::run).
    #[cfg(feature = "sentry")]
    #[cfg_attr(tower_vitals_docsrs, doc(cfg(feature = "sentry")))]
    #[expect(
        clippy::must_use_candidate,
        reason = "who only waits may not want to know"
    )]
    pub fn flush(&self, timeout: Duration) -> u64 {
        self.sentry.flush(timeout)
    }

    /// The patterns of exclusion that no request has matched since the start: misspelt, or of no use any more.
    #[must_use]
    pub fn unused_patterns(&self) -> Vec<&str> {
        self.layer.engine.exclude.unused().collect()
    }

    /// A router with `GET /metrics`: Prometheus' text format 0.0.4, and 503 with `Retry-After` to a storm of scrapes; and with
    /// the probes of [`health`](VitalsBuilder::health), where there are any.
    ///
    /// Never counted as traffic, wherever it is merged; paths that no route has are counted as `unmatched` in either order.
    /// No `/metrics` with [`foreign_recorder`](VitalsBuilder::foreign_recorder).
    #[cfg(feature = "axum")]
    #[cfg_attr(tower_vitals_docsrs, doc(cfg(feature = "axum")))]
    pub fn routes<S>(&self) -> axum::Router<S>
    where
        S: Clone + Send + Sync + 'static,
    {
        // Of two routers that are merged, axum takes the fallback of the second: where this is merged into an application
        // that has its layer already, the answer to an unknown path is this router's, and must be watched as well.
        let router = axum::Router::new().layer(self.layer());
        #[cfg(feature = "prometheus")]
        let router = match &self.exporter {
            Some(exporter) => router.route(METRICS_PATH, crate::scrape::route(exporter.clone())),
            None => router,
        };
        #[cfg(feature = "health")]
        let router = match &self.health {
            Some(health) => health.add_to(router),
            None => router,
        };
        router
    }

    /// All metrics of the process in Prometheus' text format, for servers without axum; empty with
    /// [`foreign_recorder`](VitalsBuilder::foreign_recorder).
    ///
    /// Takes milliseconds where there are thousands of series: call it on a thread that may block.
    #[cfg(feature = "prometheus")]
    #[cfg_attr(tower_vitals_docsrs, doc(cfg(feature = "prometheus")))]
    #[must_use]
    pub fn render(&self) -> String {
        self.exporter
            .as_ref()
            .map(Exporter::render)
            .unwrap_or_default()
    }
}

fn from_variables(variable: impl Fn(&str) -> Option<String>) -> Result<VitalsBuilder, ConfigError> {
    let variable = |name: &str| {
        let value = variable(name)?.trim().to_owned();
        (!value.is_empty()).then_some(value)
    };
    let mut builder = Vitals::builder().release(Release::from_variables(variable));
    if let Some(list) = variable("MONITORING_EXCLUDE") {
        let patterns: Vec<_> = list.split(',').map(str::trim).collect();
        Patterns::new(&patterns).map_err(|error| error.within("MONITORING_EXCLUDE"))?;
        builder = builder.exclude(patterns);
    }
    if let Some(names) = variable("MONITORING_METRIC_NAMES") {
        builder = builder.names(match names.as_str() {
            "guides" => Names::Guides,
            "otel" => Names::OpenTelemetry,
            _ => {
                let reason = "expected guides or otel";
                return Err(ConfigError::new("MONITORING_METRIC_NAMES", names, reason));
            }
        });
    }
    Ok(builder)
}

// === impl VitalsLayer ===

impl<S> Layer<S> for VitalsLayer {
    type Service = Observed<S, Examined>;

    fn layer(&self, inner: S) -> Observed<S, Examined> {
        Observed::new(inner, Arc::clone(&self.engine) as _)
    }
}

// === impl VitalsBuilder ===

impl VitalsBuilder {
    /// How requests get their id. Defaults to [`RequestIdLayer::new`]; its own exclusions and counters are not used.
    pub fn request_id(mut self, layer: RequestIdLayer) -> Self {
        self.request_id = layer;
        self
    }

    /// The bands by which requests are judged, and whose edges are edges of buckets. Defaults to
    /// [`SeverityBands::default`].
    pub fn bands(mut self, bands: SeverityBands) -> Self {
        self.bands = bands;
        self
    }

    /// How errors of the application's own are [categorised](crate::category). Defaults to [`Rules::new`].
    pub fn rules(mut self, rules: Rules) -> Self {
        self.rules = rules;
        self
    }

    /// The probes that [`Vitals::routes`] serves, and for which [`Vitals::drained`] fails readiness first. Defaults to none.
    #[cfg(feature = "health")]
    #[cfg_attr(tower_vitals_docsrs, doc(cfg(feature = "health")))]
    pub fn health(mut self, health: HealthService) -> Self {
        self.health = Some(health);
        self
    }

    /// How long readiness fails before [`Vitals::drained`] resolves. Defaults to 5 s.
    #[cfg(feature = "health")]
    #[cfg_attr(tower_vitals_docsrs, doc(cfg(feature = "health")))]
    pub fn drain_delay(mut self, delay: Duration) -> Self {
        self.drain_delay = delay;
        self
    }

    /// How long after the signal [`Vitals::run`] drops the server. Defaults to 25 s.
    #[cfg(feature = "health")]
    #[cfg_attr(tower_vitals_docsrs, doc(cfg(feature = "health")))]
    pub fn shutdown_deadline(mut self, deadline: Duration) -> Self {
        self.shutdown_deadline = deadline;
        self
    }

    /// Tells Sentry what goes wrong; see [`sentry`](crate::sentry). Defaults to nothing, whatever the environment holds.
    ///
    /// The client is also bound to the main hub and to that of this thread, where they have none, for what is captured outside
    /// of requests; not with [`isolated`](Self::isolated).
    #[cfg(feature = "sentry")]
    #[cfg_attr(tower_vitals_docsrs, doc(cfg(feature = "sentry")))]
    pub fn sentry(mut self, options: SentryOptions) -> Self {
        self.sentry = Some(options);
        self
    }

    /// SeriesKey build this is: `app_build_info{version,revision,rustc}`, and on log lines and Sentry events. Defaults to what
    /// [`Vitals::from_env`] found, and otherwise to no version in `production`.
    pub fn release(mut self, release: Release) -> Self {
        self.release = Some(release);
        self
    }

    /// Logs once, at `WARN`, each request that is still without an answer beyond its critical band, with its id, route and
    /// age. Looks every second, by one task on the runtime in which [`build`](Self::build) runs. Defaults to off.
    pub fn log_stuck(mut self) -> Self {
        self.log_stuck = true;
        self
    }

    /// The [patterns](Patterns) of paths that pass by unwatched, in place of those said before. Defaults to none.
    pub fn exclude<I>(mut self, patterns: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        self.exclude = patterns.into_iter().map(Into::into).collect();
        self
    }

    /// What the metrics are called. Defaults to [`Names::Guides`].
    pub fn names(mut self, names: Names) -> Self {
        self.settings = self.settings.names(names);
        self
    }

    /// How many distinct endpoints are told apart. Defaults to 1,000.
    pub fn endpoint_cap(mut self, cap: usize) -> Self {
        self.settings = self.settings.endpoint_cap(cap);
        self
    }

    /// The label `url_scheme` of the OpenTelemetry names: `https` where this process ends TLS. Defaults to `http`.
    pub fn scheme(mut self, scheme: &'static str) -> Self {
        self.settings = self.settings.scheme(scheme);
        self
    }

    /// See [`Settings::grpc_descriptors`].
    ///
    /// # Errors
    ///
    /// When the bytes are no descriptors.
    #[cfg(feature = "tonic")]
    #[cfg_attr(tower_vitals_docsrs, doc(cfg(feature = "tonic")))]
    pub fn grpc_descriptors(mut self, encoded: &[u8]) -> Result<Self, ConfigError> {
        self.settings = self.settings.grpc_descriptors(encoded)?;
        Ok(self)
    }

    /// Publishes to the recorder that the application installs, before or after; there is then no `/metrics` of ours.
    ///
    /// Its histograms need buckets: the edges that our own recorder has are
    /// 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2, 2.5, 5, 7.5 and 10 seconds.
    pub fn foreign_recorder(mut self) -> Self {
        self.recorder = Recorder::Foreign;
        self
    }

    /// Counts and publishes beside everything else in this process: for tests, which then find exact numbers.
    ///
    /// `/metrics` shows what this application's layers counted and nothing else.
    pub fn isolated(mut self) -> Self {
        self.recorder = Recorder::Isolated;
        self
    }

    /// Checks the settings, installs the recorder, and says at `INFO` which paths pass by unwatched and how many
    /// bytes the counters can take at most.
    ///
    /// # Errors
    ///
    /// When a setting cannot work, or two clash; when [`log_stuck`](Self::log_stuck) has no runtime with a clock; when a
    /// recorder that is not ours is installed in this process (unless [`foreign_recorder`](Self::foreign_recorder) was
    /// said); when another part of this process counts with other settings.
    pub fn build(self) -> Result<Vitals, ConfigError> {
        #[cfg(feature = "health")]
        let shutdown = {
            let (delay, deadline) = (self.drain_delay, self.shutdown_deadline);
            if deadline <= delay {
                let reason = format!("must be longer than drain_delay ({delay:?})");
                let deadline = format!("{deadline:?}");
                return Err(ConfigError::new("shutdown_deadline", deadline, reason));
            }
            Shutdown::new(delay, deadline)
        };
        let settings = self.settings.bands(self.bands);
        let patterns = Patterns::new(&self.exclude)?;
        let metrics = match self.recorder {
            Recorder::Isolated => settings.isolated()?,
            _ => settings.install()?,
        };
        #[cfg(feature = "prometheus")]
        let exporter = match self.recorder {
            Recorder::Ours => Some(Exporter::install(&metrics)?),
            Recorder::Isolated => Some(Exporter::private(&metrics)?),
            Recorder::Foreign => None,
        };
        // Where the router is merged beneath the layer, scrapes and probes must still not count themselves.
        #[cfg(all(feature = "axum", feature = "prometheus"))]
        let patterns = match &exporter {
            Some(_) => patterns.and(METRICS_PATH),
            None => patterns,
        };
        #[cfg(feature = "health")]
        let patterns = self.health.iter().fold(patterns, |patterns, health| {
            let each = |patterns: Patterns, path: &str| patterns.and(&format!("{path}/"));
            health.paths().fold(patterns, each)
        });
        let excluded = self.exclude.join(",");
        let memory_bound = metrics.memory_bound();
        tracing::info!(target: "tower_vitals", excluded, memory_bound, "watching");
        #[cfg(feature = "sentry")]
        let release = self
            .release
            .or_else(|| self.sentry.as_ref()?.release.clone());
        #[cfg(not(feature = "sentry"))]
        let release = self.release;
        let release = release.unwrap_or_else(Release::unknown);
        #[cfg(feature = "sentry")]
        let sentry = match self.sentry {
            Some(options) => {
                let shared = !matches!(self.recorder, Recorder::Isolated);
                options.connect(&release, &metrics, shared)?
            }
            None => Connection::off(),
        };
        #[cfg(all(feature = "health", feature = "sentry"))]
        if let Some(health) = self.health.as_ref().map(HealthService::handle) {
            health.tell_sentry(sentry.clone());
        }
        metrics.runs(&release);
        let environment = release.environment.as_str().into();
        if !matches!(self.recorder, Recorder::Isolated) {
            release.announce();
        }
        let mut ids = self.request_id.observer();
        ids.metrics = Some(metrics.clone());
        let timing = TimingObserver::new(metrics.clone(), self.bands);
        let categories = CategoryObserver {
            rules: Arc::new(self.rules.checked()?),
            metrics: Some(metrics.clone()),
        };
        let log = AccessLogObserver {
            metrics: Some(metrics.clone()),
        };
        let stuck = match self.log_stuck {
            true => StuckObserver::watching(
                metrics.clone(),
                #[cfg(feature = "sentry")]
                sentry.reporter.clone(),
            )?,
            false => StuckObserver::default(),
        };
        #[cfg(feature = "sentry")]
        let last = (stuck, sentry.reporter.clone());
        #[cfg(not(feature = "sentry"))]
        let last = stuck;
        let engine = Engine {
            exclude: patterns,
            observer: (ids, (timing, (categories, (log, last)))),
        };
        Ok(Vitals {
            layer: VitalsLayer {
                engine: Arc::new(engine),
            },
            metrics,
            environment,
            #[cfg(feature = "prometheus")]
            exporter,
            #[cfg(feature = "health")]
            health: self.health,
            #[cfg(feature = "health")]
            shutdown,
            #[cfg(feature = "sentry")]
            sentry,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(variables: &[(&str, &str)]) -> Result<VitalsBuilder, ConfigError> {
        from_variables(|name| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn a_bad_variable_stops_with_its_name_and_value() {
        for (name, value, message) in [
            (
                "MONITORING_EXCLUDE",
                "/fine, health",
                r#"MONITORING_EXCLUDE[1]: invalid value "health": must begin with /"#,
            ),
            (
                "MONITORING_METRIC_NAMES",
                "grafana",
                r#"MONITORING_METRIC_NAMES: invalid value "grafana": expected guides or otel"#,
            ),
        ] {
            let error = environment(&[(name, value)]).unwrap_err();
            assert_eq!(error.to_string(), message);
        }
    }

    #[test]
    fn variables_say_what_is_excluded_and_what_metrics_are_called() {
        let builder = environment(&[
            ("MONITORING_EXCLUDE", " /livez , /static/"),
            ("MONITORING_METRIC_NAMES", "otel"),
        ])
        .unwrap();
        assert_eq!(builder.exclude, ["/livez", "/static/"]);
        let settings = Settings::new().names(Names::OpenTelemetry);
        assert_eq!(builder.settings, settings);
    }

    #[test]
    fn empty_variables_are_as_unset() {
        let builder =
            environment(&[("MONITORING_EXCLUDE", " "), ("MONITORING_METRIC_NAMES", "")]).unwrap();
        assert!(builder.exclude.is_empty());
        assert_eq!(builder.settings, Settings::new());
    }

    #[test]
    fn a_bad_setting_fails_at_build_with_field_and_value() {
        let cap = Vitals::builder().isolated().endpoint_cap(0);
        let pattern = Vitals::builder().isolated().exclude(["/a", "/b*"]);
        let scheme = Vitals::builder().isolated().scheme("gopher");
        for (builder, field, value) in [
            (cap, "metrics.endpoint_cap", "0"),
            (pattern, "exclude[1]", "/b*"),
            (scheme, "metrics.scheme", "gopher"),
        ] {
            let error = builder.build().unwrap_err();
            assert_eq!((error.field(), error.value()), (field, value));
        }
    }
}

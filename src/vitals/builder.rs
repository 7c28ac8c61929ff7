//! Collects the settings of the ready-made stack, and builds it.

#[cfg(feature = "health")]
mod admin;
#[cfg(feature = "statistics")]
mod alerts;
#[cfg(feature = "statistics")]
mod described;
mod environment;
mod exclusion;
#[cfg(feature = "fleet")]
mod fleet;
mod logs;
mod metrics;
#[cfg(all(feature = "health", feature = "statistics"))]
mod monitoring;
#[cfg(feature = "notify")]
mod notifiers;
mod panics;
#[cfg(feature = "process")]
mod process;
mod service;
#[cfg(feature = "health")]
mod shutdown;
#[cfg(feature = "generate")]
mod slo;
#[cfg(feature = "statistics")]
mod statistics;
mod traces;

use std::{sync::Arc, time::Duration};

#[cfg(feature = "statistics")]
use self::described::Origin;
use super::{
    Vitals,
    admin::AdminSettings,
    alerting::AlertingSettings,
    deployment::Deployments,
    lately::{Lately, LatelySettings},
    log_values,
    monitoring::{MonitoringSettings, Shown},
    notifications::NotificationSettings,
    sharing::Sharing,
    shutdown::{Shutdown, ShutdownSettings},
    stack::{Stack, VitalsLayer},
    start::Start,
};
#[cfg(feature = "generate")]
use crate::generate::Slo;
use crate::{
    access_log::AccessLogObserver,
    category::{CategoryObserver, Rules},
    config::ConfigError,
    exclude::{OwnPaths, Patterns, Rules as ExcludeRules},
    facts::layer_kinds::LayerKinds,
    health::HealthService,
    metrics::{Exporter, Recorder, Settings},
    observe::{Engine, PanicAnswer},
    operations,
    release::Release,
    request_id::RequestIdLayer,
    sentry::{Connection, SentryOptions},
    stuck::StuckObserver,
    timing::{SeverityBands, TimingObserver},
    trace_context::TraceContextObserver,
};

/// Collects settings until [`build`](Self::build) checks them.
///
/// ```
/// use std::time::Duration;
/// use tower_vitals::{RequestIdLayer, Vitals, timing::SeverityBands};
///
/// let ms = Duration::from_millis;
/// let vitals = Vitals::builder()
///     .request_id(RequestIdLayer::new().trust_inbound(false))
///     .bands(SeverityBands::new(ms(50), ms(200), ms(800))?)
///     .exclude(["/static/"])
///     .endpoint_cap(200)
///     .build()?;
/// # Ok::<(), tower_vitals::config::ConfigError>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "nothing is installed before `build`"]
pub struct VitalsBuilder {
    request_id: RequestIdLayer,
    pub(super) trace_context: TraceContextObserver,
    pub(super) span: bool,
    access_log: AccessLogObserver,
    pub(super) panics: Option<PanicAnswer>,
    bands: SeverityBands,
    rules: Rules,
    log_stuck: bool,
    body_sizes: bool,
    log_metrics: Option<Duration>,
    pub(super) health: Option<HealthService>,
    pub(super) admin: AdminSettings,
    pub(super) shutdown: ShutdownSettings,
    pub(super) lately: LatelySettings,
    pub(super) alerting: AlertingSettings,
    #[cfg(feature = "generate")]
    slos: Vec<Slo>,
    pub(super) notifications: NotificationSettings,
    pub(super) monitoring: MonitoringSettings,
    pub(super) sentry: Option<SentryOptions>,
    release: Option<Release>,
    service: Option<String>,
    /// Holds an error until `build`.
    exclude: Result<Patterns, ConfigError>,
    exclude_rules: Result<ExcludeRules, ConfigError>,
    pub(super) settings: Settings,
    recorder: Recorder,
    #[cfg(feature = "statistics")]
    origin: Origin,
}

// === impl VitalsBuilder ===

impl VitalsBuilder {
    pub(super) fn new() -> Self {
        Self {
            request_id: RequestIdLayer::new(),
            trace_context: TraceContextObserver::default(),
            span: false,
            access_log: AccessLogObserver::default(),
            panics: None,
            bands: SeverityBands::default(),
            rules: Rules::new(),
            log_stuck: false,
            body_sizes: false,
            log_metrics: None,
            health: None,
            admin: AdminSettings::default(),
            shutdown: ShutdownSettings::default(),
            lately: LatelySettings::default(),
            alerting: AlertingSettings::default(),
            #[cfg(feature = "generate")]
            slos: Vec::new(),
            notifications: NotificationSettings::default(),
            monitoring: MonitoringSettings::default(),
            sentry: None,
            release: None,
            service: None,
            exclude: Ok(Patterns::default()),
            exclude_rules: Ok(ExcludeRules::default()),
            settings: Settings::new(),
            recorder: Recorder::default(),
            #[cfg(feature = "statistics")]
            origin: Origin::default(),
        }
    }

    /// How requests get their id. Defaults to [`RequestIdLayer::new`]. The layer's own exclusions and counters are not used.
    pub fn request_id(mut self, layer: RequestIdLayer) -> Self {
        self.request_id = layer;
        self
    }

    /// The bands by which requests are judged. Their edges are also edges of the histogram's buckets. Defaults to
    /// [`SeverityBands::default`].
    pub fn bands(mut self, bands: SeverityBands) -> Self {
        self.bands = bands;
        self
    }

    /// The rules that give errors of the application their [category](crate::category). Defaults to [`Rules::new`].
    pub fn rules(mut self, rules: Rules) -> Self {
        self.rules = rules;
        self
    }

    /// The build of the application, for `app_build_info{version,revision,rustc}`, log lines and Sentry events. Defaults to
    /// the release that [`Vitals::from_env`] or the options for Sentry found, else to no version in `production`.
    pub fn release(mut self, release: Release) -> Self {
        self.release = Some(release);
        self
    }

    /// The [patterns](Patterns) of paths that are not observed. They replace earlier ones. Defaults to none.
    pub fn exclude<I>(mut self, patterns: I) -> Self
    where
        I: IntoIterator,
        I::Item: AsRef<str>,
    {
        self.exclude = Patterns::new(patterns);
        self
    }

    /// Checks the settings and installs the recorder. Logs one event at `INFO` that says what is on: the service, its release and
    /// environment, whether Sentry is on and why, the paths of probes, what is excluded, how metrics are named, the format of
    /// log lines, and what memory the counters take at most.
    ///
    /// Unless it is [`isolated`](Self::isolated), the stack stays in memory until the process ends, with its client for Sentry.
    /// So an application builds it once.
    ///
    /// # Errors
    ///
    /// - A setting is not valid, or two settings clash.
    /// - [`log_stuck`](Self::log_stuck) is on, and there is no Tokio runtime with a clock.
    /// - A thread cannot start that [`process_metrics`](Self::process_metrics) needs.
    /// - Another recorder is installed in this process, without [`use_global_recorder`](Self::use_global_recorder).
    /// - Another part of this process counts with other settings.
    pub fn build(self) -> Result<Vitals, ConfigError> {
        #[cfg(feature = "statistics")]
        let effective = self.effective();
        let admin = self.admin.checked()?;
        let shutdown = Shutdown::new(self.shutdown)?;
        self.trace_context
            .check_beside(self.request_id.header_name())?;
        let lately = self.lately.checked()?;
        let api = self.monitoring.checked(self.health.as_ref())?;
        let exclude = exclusion::of(self.exclude, self.exclude_rules)?;
        let rules = Arc::new(self.rules.checked()?);
        let log_metrics = self.log_metrics.map(log_values::checked).transpose()?;
        let alerting = self.alerting.checked()?;
        let notifications = self.notifications.checked(&alerting)?;
        let settings = alerting.published_by(self.settings.bands(self.bands));
        let metrics = self.recorder.metrics(settings)?;
        alerting.check_names(self.health.as_ref(), &metrics, self.recorder)?;
        if self.body_sizes {
            metrics.count_sizes();
        }
        let exporter = Exporter::install(self.recorder, &metrics)?;
        if exporter.is_some() {
            metrics::keep_free(self.health.as_ref())?;
        }
        let probes = self.health.iter().flat_map(HealthService::paths);
        let own_paths = OwnPaths::with(probes, api.path());

        let from_sentry = self.sentry.as_ref().and_then(SentryOptions::release);
        let release = self.release.or_else(|| from_sentry.cloned());
        let release = service::named(release, self.service)?;
        let sentry_state = SentryOptions::state(self.sentry.as_ref());
        let shared = self.recorder != Recorder::Isolated;
        let failures = api.failures(self.sentry.as_ref());
        let sentry = Connection::new(self.sentry, &release, &metrics, shared)?;
        metrics.set_release(&release);
        let lately = Lately::start(lately, &metrics, &release);
        #[cfg(feature = "generate")]
        let generated = super::generated::of(
            (&alerting, &notifications),
            (&lately, &release, &metrics),
            &super::generated::Parts {
                health: self.health.as_ref(),
                admin: admin.as_ref(),
                shutdown: &shutdown,
                metrics: exporter.is_some(),
            },
        )
        .with_slos(self.slos)?;
        let notifications = notifications.start(&release, &lately, &metrics)?;
        let alerting = alerting.with(&lately, &metrics);
        notifications.hear(&alerting);
        let sharing = Sharing::start(&lately, &alerting, &metrics, &release, self.health.as_ref())?;
        let told_by = (&sentry, &notifications);
        let deployments = Deployments::new(&release, &lately, &metrics, told_by, sharing);
        #[cfg(feature = "statistics")]
        let doctor = super::doctor::Doctor::new(&effective, &exclude, &alerting, &deployments)
            .serving(exporter.is_some(), api.facts(), &release)
            .probed_by(self.health.as_ref());
        let stuck = StuckObserver::start(self.log_stuck, &metrics, &sentry.observer)?;
        let api = api.with(&Shown {
            metrics: &metrics,
            lately: &lately,
            alerting: &alerting,
            health: self.health.as_ref(),
            deployments: &deployments,
            sentry: &sentry,
            release: &release,
            failures: &failures,
            stuck: &stuck,
            #[cfg(feature = "generate")]
            generated: &generated,
            #[cfg(feature = "statistics")]
            doctor: &doctor,
        });
        if shared {
            release.clone().announce();
        }

        if let Some(health) = &self.health {
            health.connect(&metrics, Arc::new(sentry.clone()));
        }
        let timing = TimingObserver::new(self.bands, self.body_sizes);
        let last = (stuck, (failures, sentry.observer.clone()));
        let log = (self.access_log, last);
        let trace_context = self.trace_context.on;
        let catch_panics = self.panics.is_some();
        let observer: Stack = (
            (self.request_id.observer(), self.trace_context),
            (timing, (CategoryObserver { rules }, log)),
        );
        let engine = Engine {
            exclude,
            own_paths,
            metrics: Some(metrics.clone()),
            own: match self.span {
                true => LayerKinds::SPAN,
                false => LayerKinds::NONE,
            },
            panics: self.panics,
            observer,
        };
        let start = Start {
            release: &release,
            metrics: &metrics,
            recorder: self.recorder.as_str(),
            exclude: &engine.exclude,
            health: self.health.as_ref(),
            sentry: sentry_state,
            options: &[
                ("trace_context", trace_context),
                ("span", self.span),
                ("catch_panics", catch_panics),
                ("log_stuck", self.log_stuck),
                ("body_sizes", self.body_sizes),
                ("log_metrics", log_metrics.is_some()),
                ("process_metrics", metrics.settings().process),
                ("state_file", lately.has_file()),
                ("alerts", alerting.are_on()),
                ("notifiers", notifications.is_on()),
                ("monitoring", api.is_on()),
            ],
        };
        if metrics.settings().process {
            operations::process::start(&metrics)?;
        }
        alerting.start(self.health.as_ref())?;
        start.log();
        // Last: where the stack is not built, nothing is left running.
        if let Some(every) = log_metrics {
            log_values::start(&metrics, every);
        }
        Ok(Vitals {
            layer: VitalsLayer::new(engine, !shared),
            metrics,
            exporter,
            health: self.health,
            admin,
            shutdown,
            sentry,
            lately,
            notifications,
            alerting,
            deployments,
            api,
            #[cfg(feature = "generate")]
            generated,
            #[cfg(feature = "statistics")]
            doctor,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{config::Environment, metrics::Names, trace_context::TraceContextLayer};

    fn environment(variables: &[(&str, &str)]) -> Result<VitalsBuilder, ConfigError> {
        let variable = |name: &str| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        VitalsBuilder::from_environment(&Environment(&variable))
    }

    #[test]
    fn a_bad_variable_fails_with_its_name_and_value() {
        for (name, value, message) in [
            (
                "MONITORING_EXCLUDE",
                "/fine, health",
                r#"MONITORING_EXCLUDE[1]: invalid value "health": must begin with /"#,
            ),
            (
                "MONITORING_METRIC_NAMES",
                "grafana",
                r#"MONITORING_METRIC_NAMES: invalid value "grafana": expected prometheus or otel"#,
            ),
            (
                "ALERT_ERROR_RATE_THRESHOLD",
                "5,0",
                r#"ALERT_ERROR_RATE_THRESHOLD: invalid value "5,0": expected a number from 0 to 100"#,
            ),
            (
                "MONITORING_ADDR",
                "localhost:9000",
                r#"MONITORING_ADDR: invalid value "localhost:9000": expected an IP address and a port, such as 127.0.0.1:9000"#,
            ),
        ] {
            let error = environment(&[(name, value)]).unwrap_err();
            assert_eq!(error.to_string(), message);
        }
    }

    #[test]
    fn variables_set_exclusions_and_metric_names() {
        let builder = environment(&[
            ("MONITORING_EXCLUDE", " /livez , /static/"),
            ("MONITORING_METRIC_NAMES", "OTel"),
        ])
        .unwrap();
        assert_eq!(builder.exclude.unwrap().to_string(), "/livez,/static/");
        let settings = Settings::new().names(Names::OpenTelemetry);
        assert_eq!(builder.settings, settings);
    }

    #[test]
    fn a_header_of_the_trace_that_carries_the_request_id_fails_at_build() {
        let trace = |header| TraceContextLayer::new().response_header(header).unwrap();
        let build = |header, layer: RequestIdLayer| {
            let builder = Vitals::builder().isolated().request_id(layer);
            builder.trace_context(trace(header)).build()
        };
        let own = RequestIdLayer::new().header("x-correlation-id").unwrap();
        for (header, layer) in [
            ("X-Request-Id", RequestIdLayer::new()),
            ("x-correlation-id", own.clone()),
        ] {
            let error = build(header, layer).unwrap_err();
            let told = (error.field(), error.value());
            let header = header.to_lowercase();
            assert_eq!(told, ("trace_context.response_header", &*header));
        }
        assert!(build("x-request-id", own).is_ok());
    }

    #[test]
    fn empty_variables_are_as_unset() {
        let builder =
            environment(&[("MONITORING_EXCLUDE", " "), ("MONITORING_METRIC_NAMES", "")]).unwrap();
        assert_eq!(builder.exclude.unwrap().to_string(), "");
        assert_eq!(builder.settings, Settings::new());
    }

    #[test]
    fn a_bad_setting_fails_at_build_with_field_and_value() {
        let cap = |cap| Vitals::builder().isolated().endpoint_cap(cap);
        let most = usize::MAX.to_string();
        let pattern = Vitals::builder().isolated().exclude(["/a", "/b*"]);
        let scheme = Vitals::builder().isolated().scheme("gopher");
        for (builder, field, value) in [
            (cap(0), "metrics.endpoint_cap", "0"),
            (cap(100_001), "metrics.endpoint_cap", "100001"),
            (cap(usize::MAX), "metrics.endpoint_cap", &most),
            (pattern, "exclude[1]", "/b*"),
            (scheme, "metrics.scheme", "gopher"),
        ] {
            let error = builder.build().unwrap_err();
            assert_eq!((error.field(), error.value()), (field, value));
        }
    }
}

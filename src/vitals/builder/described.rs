//! Says which settings are in effect, and where each came from.

mod rules;

use std::{fmt, time::Duration};

use self::rules::{OF_ALL_RULES, judged, same, threshold_of};
use super::VitalsBuilder;
#[cfg(feature = "notify")]
use crate::doctor::made_by;
#[cfg(feature = "health")]
use crate::monitoring::PATH;
use crate::{config::Variables, doctor::Setting, sentry::SentryOptions, vitals::doctor::Effective};

/// What the environment made of the settings.
#[derive(Clone, Debug, Default)]
pub(super) struct Origin {
    variables: Variables,
    settings: Vec<Described>,
}

/// A setting of the builder. It is never shown whole.
#[derive(Clone)]
struct Described {
    name: &'static str,
    /// Without secrets.
    shown: String,
    /// All of it, to see whether it has changed.
    whole: String,
    variables: &'static [&'static str],
}

const SERVICE: &[&str] = &["OTEL_SERVICE_NAME", "OTEL_RESOURCE_ATTRIBUTES"];
const VERSION: &[&str] = &[
    "SENTRY_RELEASE",
    "APP_VERSION",
    "VERSION",
    "OTEL_RESOURCE_ATTRIBUTES",
    "CARGO_PKG_VERSION",
];
const ENVIRONMENT: &[&str] = &[
    "SENTRY_ENVIRONMENT",
    "ENVIRONMENT",
    "OTEL_RESOURCE_ATTRIBUTES",
];

// === impl Described ===

impl Described {
    fn new(
        name: &'static str,
        value: impl Into<String>,
        variables: &'static [&'static str],
    ) -> Self {
        let shown = value.into();
        Self {
            name,
            whole: shown.clone(),
            shown,
            variables,
        }
    }

    /// A setting that the environment does not know.
    fn of_code(name: &'static str, value: impl Into<String>) -> Self {
        Self::new(name, value, &[])
    }

    /// A secret, or a path, which tells of the machine.
    fn hidden(name: &'static str, value: Option<&str>, variables: &'static [&'static str]) -> Self {
        let shown = if value.is_some() { "set" } else { "not set" };
        Self {
            whole: value.unwrap_or_default().to_owned(),
            ..Self::new(name, shown, variables)
        }
    }

    fn is_same(&self, other: &Self) -> bool {
        self.name == other.name && self.whole == other.whole
    }
}

impl fmt::Debug for Described {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Described").field(&self.name).finish()
    }
}

// === impl VitalsBuilder ===

impl VitalsBuilder {
    /// Remembers that all settings so far are of the environment, which had these variables.
    pub(super) fn with_origin(mut self, variables: Variables) -> Self {
        self.origin = Origin {
            settings: self.described(),
            variables,
        };
        self
    }

    /// The settings in effect, each with where it came from.
    pub(super) fn effective(&self) -> Effective {
        let defaults = Self::new().described();
        let settings = self.described().into_iter();
        let settings = settings.map(|setting| {
            let is = |all: &[Described]| all.iter().any(|one| one.is_same(&setting));
            let Origin {
                variables,
                settings,
            } = &self.origin;
            let variable = variables.first_of(setting.variables);
            let variable = variable.filter(|_| is(settings));
            match variable.or_else(|| self.read_for_sentry(&setting)) {
                None if is(&defaults) => Setting::default(setting.name, setting.shown),
                variable => Setting::of(setting.name, setting.shown, variable),
            }
        });
        let mut settings: Vec<_> = settings.collect();
        settings.extend(self.described_alerts());
        settings.extend(self.described_notifiers());
        settings.extend(self.described_sentry());
        Effective {
            settings,
            sentry: SentryOptions::state(self.sentry.as_ref()),
            transactions: self
                .sentry
                .as_ref()
                .map_or(0.0, SentryOptions::share_of_transactions),
        }
    }

    /// The variable of a setting that only the options for Sentry have read: the release, if the builder has none.
    fn read_for_sentry(&self, setting: &Described) -> Option<&str> {
        let options = self.sentry.as_ref().filter(|_| self.release.is_none())?;
        let is_of_release = matches!(setting.name, "release" | "environment");
        is_of_release
            .then(|| options.variables())?
            .first_of(setting.variables)
    }

    fn described(&self) -> Vec<Described> {
        let of_sentry = || self.sentry.as_ref().and_then(SentryOptions::release);
        let release = self.release.as_ref().or_else(of_sentry);
        let version = release.and_then(|release| release.version.as_deref());
        let environment = release.map_or("production", |release| &release.environment);
        let settings = &self.settings;
        let excluded = self.exclude.as_ref().map(ToString::to_string);
        let path = self.lately.state.path.as_ref();
        let path = path.map(|path| path.to_string_lossy().into_owned());
        let switch = |name, on| Described::of_code(name, if on { "on" } else { "off" });
        let named = |name: &Option<String>| name.clone().unwrap_or_else(|| "of the program".into());
        let mut all = vec![
            Described::new("service_name", named(&self.service), SERVICE),
            Described::new("release", version.unwrap_or("unknown"), VERSION),
            Described::new("environment", environment, ENVIRONMENT),
            Described::new(
                "exclude",
                or_none(&excluded.unwrap_or_default()),
                &["MONITORING_EXCLUDE"],
            ),
            Described::new(
                "names",
                settings.names_shown(),
                &["MONITORING_METRIC_NAMES"],
            ),
            Described::of_code("metric_prefix", or_none(settings.prefix_shown())),
            Described::of_code("metric_labels", or_none(&settings.labels_shown())),
            Described::of_code("endpoint_cap", settings.cap_shown().to_string()),
            Described::of_code("recorder", self.recorder.as_str()),
            Described::hidden("state_file", path.as_deref(), &["MONITORING_STATE"]),
            switch("trace_context", self.trace_context.on),
            switch("span", self.span),
            switch("catch_panics", self.panics.is_some()),
            switch("log_stuck", self.log_stuck),
            switch("body_sizes", self.body_sizes),
            switch("log_metrics", self.log_metrics.is_some()),
            switch("process_metrics", settings.process),
        ];
        all.extend(self.described_port());
        all
    }

    #[cfg(feature = "health")]
    fn described_port(&self) -> Vec<Described> {
        let monitoring = self.monitoring.monitoring.as_ref();
        let own = monitoring.and_then(|one| one.own_path());
        let path = own.or(self.monitoring.path.as_deref()).unwrap_or(PATH);
        let token = monitoring.and_then(|one| one.secret());
        let access = monitoring.map_or("off", |one| one.word());
        let errors = monitoring.is_some_and(|one| one.shows_errors());
        let address = self.admin.address.as_deref().unwrap_or_default();
        vec![
            Described::new("admin_addr", or_none(address), &["MONITORING_ADDR"]),
            Described::new("monitoring.access", access, &["MONITORING_TOKEN"]),
            Described::hidden("monitoring.token", token, &["MONITORING_TOKEN"]),
            Described::new("monitoring.path", path, &["MONITORING_PATH"]),
            Described::of_code("monitoring.check_errors", if errors { "on" } else { "off" }),
        ]
    }

    #[cfg(not(feature = "health"))]
    fn described_port(&self) -> Vec<Described> {
        Vec::new()
    }

    fn described_alerts(&self) -> Vec<Setting> {
        let alerts = &self.alerting.0;
        let usual = crate::alerts::Alerts::default();
        let from = alerts.as_read();
        let setting = |name: String,
                       value: String,
                       read: Option<String>,
                       usual: Option<String>,
                       variables: &[&str]| {
            let variable = from.and_then(|from| from.variables.first_of(variables));
            match variable.filter(|_| read.as_ref() == Some(&value)) {
                None if usual.as_ref() == Some(&value) => Setting::default(name, value),
                variable => Setting::of(name, value, variable),
            }
        };
        let every = |interval: Duration| format!("{interval:?}");
        let mut all = vec![setting(
            "alerts.interval".to_owned(),
            every(alerts.every()),
            from.map(|from| every(from.interval)),
            Some(every(usual.every())),
            &["MONITORING_EVALUATION_INTERVAL"],
        )];
        for rule in alerts.asked_for() {
            let threshold = threshold_of(&rule.name);
            let mut variables: Vec<&str> = threshold.into_iter().collect();
            variables.extend(OF_ALL_RULES);
            all.push(setting(
                format!("alerts.{}", rule.name),
                judged(rule),
                from.and_then(|from| same(&from.rules, rule)),
                same(usual.asked_for(), rule),
                &variables,
            ));
        }
        all
    }

    #[cfg(feature = "notify")]
    fn described_notifiers(&self) -> Vec<Setting> {
        let notifiers = &self.notifications.0;
        let variables = notifiers.variables();
        let all = notifiers.names().map(|name| {
            let variable = variables.first_of(&[made_by(&name)]);
            Setting::of(format!("notifiers.{name}"), "set", variable)
        });
        let mut all: Vec<_> = all.collect();
        all.push(match notifiers.page() {
            Some(page) => Setting::of(
                "notifiers.url",
                page,
                variables.first_of(&["MONITORING_URL"]),
            ),
            None => Setting::default("notifiers.url", "not set"),
        });
        all
    }

    #[cfg(not(feature = "notify"))]
    fn described_notifiers(&self) -> Vec<Setting> {
        Vec::new()
    }

    #[cfg(feature = "sentry")]
    fn described_sentry(&self) -> Vec<Setting> {
        let Some(options) = &self.sentry else {
            return vec![Setting::default("sentry.dsn", "not set")];
        };
        let variables = options.variables();
        let rate = options.share_of_transactions();
        let rate_of = variables.first_of(&["SENTRY_TRACES_SAMPLE_RATE"]);
        vec![
            match options.shown() {
                Some(shown) => {
                    Setting::of("sentry.dsn", shown, variables.first_of(&["SENTRY_DSN"]))
                }
                None => Setting::default("sentry.dsn", "not set"),
            },
            match rate_of {
                None if rate == 0.0 => Setting::default("sentry.transactions", "0"),
                variable => Setting::of("sentry.transactions", rate.to_string(), variable),
            },
        ]
    }

    #[cfg(not(feature = "sentry"))]
    fn described_sentry(&self) -> Vec<Setting> {
        Vec::new()
    }
}

fn or_none(text: &str) -> &str {
    if text.is_empty() { "none" } else { text }
}

#[cfg(test)]
mod tests;

//! Records that a new version runs: for those who ask later what had changed.

use std::time::UNIX_EPOCH;

use crate::{metrics::Metrics, vitals::Vitals};

/// A new version, and who put it where.
///
/// ```
/// use tower_vitals::Deployment;
///
/// let deployment = Deployment::new("1.4.2").environment("production").by("ci").changes("faster search");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deployment {
    version: String,
    environment: Option<String>,
    by: String,
    changes: String,
}

// === impl Deployment ===

impl Deployment {
    /// This version, deployed by `automated`, in the environment of the [`Release`](crate::Release) that tells of it.
    pub fn new(version: impl Into<String>) -> Self {
        Self {
            version: version.into(),
            environment: None,
            by: "automated".into(),
            changes: String::new(),
        }
    }

    /// Where it runs now. Defaults to where the process that tells of it runs.
    #[must_use]
    pub fn environment(mut self, environment: impl Into<String>) -> Self {
        self.environment = Some(environment.into());
        self
    }

    /// Who did it. Defaults to `automated`.
    #[must_use]
    pub fn by(mut self, by: impl Into<String>) -> Self {
        self.by = by.into();
        self
    }

    /// What is new in it. Defaults to nothing.
    #[must_use]
    pub fn changes(mut self, changes: impl Into<String>) -> Self {
        self.changes = changes.into();
        self
    }

    fn log(&self, environment: &str) {
        let Self {
            version,
            by,
            changes,
            ..
        } = self;
        tracing::info!(
            target: "tower_vitals",
            version = version.as_str(),
            environment,
            deployed_by = by.as_str(),
            changes = changes.as_str(),
            "deployment"
        );
    }

    fn count(&self, metrics: &Metrics) {
        #[expect(clippy::disallowed_types, reason = "a moment, not a duration")]
        let now = std::time::SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        metrics.deployed(&self.version, now.as_secs_f64());
    }

    /// As an event, with the version as its release.
    #[cfg(feature = "sentry")]
    pub(crate) fn event(&self, environment: &str) -> sentry::protocol::Event<'static> {
        let mut event = sentry::protocol::Event {
            level: sentry::Level::Info,
            message: Some(format!("deployed {} to {environment}", self.version)),
            release: Some(self.version.clone().into()),
            environment: Some(environment.to_owned().into()),
            fingerprint: vec![
                "tower-vitals".into(),
                "deployment".into(),
                environment.to_owned().into(),
            ]
            .into(),
            ..Default::default()
        };
        event.tags.insert("deployed_by".into(), self.by.clone());
        if !self.changes.is_empty() {
            event
                .extra
                .insert("changes".into(), self.changes.clone().into());
        }
        event
    }
}

// === impl Vitals ===

impl Vitals {
    /// Records a deployment: one log event at `INFO`, `app_deployment_timestamp_seconds{version}`, and with
    /// [`sentry`](crate::vitals::VitalsBuilder::sentry) one event at `info`.
    ///
    /// For the process to say as it starts, or for whoever deploys it with `vitals deploy`.
    pub fn deployment(&self, deployment: &Deployment) {
        let environment = deployment
            .environment
            .as_deref()
            .unwrap_or(&self.environment);
        deployment.log(environment);
        deployment.count(self.metrics());
        #[cfg(feature = "sentry")]
        self.sentry.capture(deployment.event(environment));
    }
}

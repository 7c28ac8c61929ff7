//! Records that a new version runs, so that a change can be explained later.

use std::sync::Arc;

use super::{
    Vitals,
    lately::Lately,
    notifications::Notifications,
    sharing::Sharing,
    telling::{Heard, Teller, Telling},
};
use crate::{
    config::Environment,
    metrics::Metrics,
    release::Release,
    report::notice::{Detail, FINGERPRINT, Level, Notice, NoticeSink},
    sentry::Connection,
    timestamp,
};

/// A new version, where it runs, and who deployed it.
///
/// ```
/// use tower_vitals::Deployment;
///
/// let deployment = Deployment::new("1.4.2")
///     .environment("production")
///     .by("ci")
///     .changes("faster search");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deployment {
    pub(super) version: String,
    environment: Option<String>,
    pub(super) by: String,
    pub(super) changes: String,
}

/// Where deployments are recorded. Clones share it.
#[derive(Clone, Debug)]
pub(super) struct Deployments {
    /// That of the process.
    pub(super) environment: Arc<str>,
    pub(super) metrics: Metrics,
    pub(super) lately: Lately,
    pub(super) sentry: Connection,
    pub(super) notifications: Notifications,
    pub(super) sharing: Sharing,
}

// === impl Deployment ===

impl Deployment {
    /// The deployment of a version by the value of `DEPLOYED_BY`, in the environment of the process.
    pub fn new(version: impl Into<String>) -> Self {
        Self::from_environment(version.into(), &Environment::process())
    }

    fn from_environment(version: String, environment: &Environment<'_>) -> Self {
        let by = environment.get("DEPLOYED_BY");
        Self {
            version,
            environment: None,
            by: by.unwrap_or_else(|| "automated".into()),
            changes: String::new(),
        }
    }

    /// The environment. Defaults to that of the process.
    #[must_use]
    pub fn environment(mut self, environment: impl Into<String>) -> Self {
        self.environment = Some(environment.into());
        self
    }

    /// Who deployed it. Defaults to the environment variable `DEPLOYED_BY`, else to `automated`.
    #[must_use]
    pub fn by(mut self, by: impl Into<String>) -> Self {
        self.by = by.into();
        self
    }

    /// What has changed. Defaults to nothing.
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

    /// The deployment as a notice, with its version in place of the running one.
    pub(crate) fn notice(&self, environment: &str) -> Notice {
        let message = format!("deployed {} to {environment}", self.version);
        let key = [FINGERPRINT, "deployment", environment].map(str::to_owned);
        let mut notice = Notice::new(Level::Info, message, key.into());
        notice.version = Some(self.version.clone());
        notice.environment = Some(environment.to_owned());
        notice.tags.push(("deployed_by", self.by.clone()));
        if !self.changes.is_empty() {
            let changes = Detail::Text(self.changes.clone());
            notice.details.push(("changes", changes));
        }
        notice
    }
}

// === impl Deployments ===

impl Deployments {
    pub(super) fn new(
        release: &Release,
        lately: &Lately,
        metrics: &Metrics,
        (sentry, notifications): (&Connection, &Notifications),
        sharing: Sharing,
    ) -> Self {
        Self {
            environment: release.environment.as_str().into(),
            metrics: metrics.clone(),
            lately: lately.clone(),
            sentry: sentry.clone(),
            notifications: notifications.clone(),
            sharing,
        }
    }

    pub(super) fn record(&self, deployment: &Deployment, teller: Teller) {
        let environment = deployment.environment.as_deref();
        let environment = environment.unwrap_or(&self.environment).to_owned();
        deployment.log(&environment);
        let now = timestamp::seconds_since_1970();
        // A process that starts again and again has been deployed once.
        let is_new = self.lately.deployed(deployment, &environment, now);
        let telling = Telling {
            teller,
            version: deployment.version.clone(),
            environment: environment.clone(),
            by: deployment.by.clone(),
            changes: deployment.changes.clone(),
        };
        let (told, all) = (deployment.clone(), self.clone());
        self.sharing.note(telling, move |heard| match heard {
            Heard::Alone => all.tell(&told, &environment, now, is_new),
            #[cfg(feature = "fleet")]
            Heard::First { is_news } => all.tell(&told, &environment, now, is_news),
            #[cfg(feature = "fleet")]
            Heard::Known => {}
        });
    }

    /// Tells of a deployment of which nobody else tells.
    fn tell(&self, deployment: &Deployment, environment: &str, now: f64, is_new: bool) {
        self.metrics.record_deployment(&deployment.version, now);
        self.sentry.notify(&deployment.notice(environment));
        if is_new {
            self.notifications.deployed(deployment, environment, now);
        }
    }
}

// === impl Vitals ===

impl Vitals {
    /// Records a deployment: one log event at `INFO`, `app_deployment_timestamp_seconds{version}`, a mark in the statistics, and
    /// one event for Sentry at level `info` if there is a connection. With feature `notify` people are told, unless the deployment
    /// that was recorded before was of the same version in the same environment.
    ///
    /// Of several [instances](crate::guides::fleet) one tells it, within seconds, once all of them have asked Redis who does.
    ///
    /// Call it when the process starts. The command `vitals deploy` does it from a deployment script.
    pub fn record_deployment(&self, deployment: &Deployment) {
        self.deployments.record(deployment, Teller::Application);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_deployed_is_in_the_environment_unless_it_is_said() {
        for (variable, by) in [
            (None, "automated"),
            (Some("  "), "automated"),
            (Some(" pipeline "), "pipeline"),
        ] {
            let value = |name: &str| {
                variable
                    .filter(|_| name == "DEPLOYED_BY")
                    .map(str::to_owned)
            };
            let made = || Deployment::from_environment("1.4.2".into(), &Environment(&value));
            let tag = ("deployed_by", by.to_owned());
            assert_eq!(made().notice("test").tags, [tag], "{variable:?}");
            let said = ("deployed_by", "ada".to_owned());
            assert_eq!(made().by("ada").notice("test").tags, [said]);
        }
    }
}

//! Gives the monitoring API what it shows and changes.

use std::{net::SocketAddr, sync::Arc};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use http_body_util::Full;
use tower_service::Service;

use super::{
    Deployment, METRICS_PATH, Vitals, alerting::Alerting, deployment::Deployments, doctor::Doctor,
    lately::Lately, telling::Teller,
};
#[cfg(feature = "generate")]
use crate::generate::Generated;
use crate::{
    config::{ConfigError, Environment},
    doctor::AccessFacts,
    failures::FailuresObserver,
    health::HealthService,
    metrics::Metrics,
    monitoring::{
        Access, CheckedMonitoring, Monitoring, MonitoringService, NewDeployment, PeerAddress,
        RecordDeployment, Sources, check_path, check_token,
    },
    release::Release,
    report::notice::NoticeSink,
    sentry::{Connection, SentryOptions},
    stuck::StuckObserver,
};

const TOKEN: &str = "MONITORING_TOKEN";
const PATH: &str = "MONITORING_PATH";

/// The settings of the monitoring API. It is off by default.
#[derive(Clone, Debug, Default)]
pub(super) struct MonitoringSettings {
    pub(super) monitoring: Option<Monitoring>,
    /// As the environment has it.
    pub(super) path: Option<String>,
}

/// Settings that can work. `None` if the API is off.
pub(super) struct CheckedApi(Option<CheckedMonitoring>);

/// The monitoring API of a stack. `None` if it is off.
#[derive(Clone, Debug)]
pub(super) struct Api(Option<MonitoringService>);

/// What the parts of a stack are that the API shows.
pub(super) struct Shown<'s> {
    pub(super) metrics: &'s Metrics,
    pub(super) lately: &'s Lately,
    pub(super) alerting: &'s Alerting,
    pub(super) health: Option<&'s HealthService>,
    pub(super) deployments: &'s Deployments,
    pub(super) sentry: &'s Connection,
    pub(super) release: &'s Release,
    pub(super) failures: &'s FailuresObserver,
    pub(super) stuck: &'s StuckObserver,
    #[cfg(feature = "generate")]
    pub(super) generated: &'s Generated,
    pub(super) doctor: &'s Doctor,
}

// === impl MonitoringSettings ===

impl MonitoringSettings {
    pub(super) fn from_environment(environment: &Environment<'_>) -> Result<Self, ConfigError> {
        let path = environment.get(PATH);
        if let Some(path) = &path {
            check_path(PATH, path)?;
        }
        let token = environment.secret(TOKEN)?;
        if let Some(token) = &token {
            check_token(TOKEN, token)?;
        }
        Ok(Self {
            monitoring: token.map(|token| Monitoring::new(Access::Token(token))),
            path,
        })
    }

    /// Checks the settings, also that nothing else is at the path.
    pub(super) fn checked(self, health: Option<&HealthService>) -> Result<CheckedApi, ConfigError> {
        let Some(monitoring) = self.monitoring else {
            return Ok(CheckedApi(None));
        };
        let checked = monitoring.checked(self.path)?;
        let path = checked.path();
        let refuse = |reason| Err(ConfigError::new("monitoring.path", path, reason));
        let covers = |other: &str| {
            let rest = other.strip_prefix(path);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        if covers(METRICS_PATH) {
            return refuse("the metrics are there");
        }
        if let Some(health) = health
            && (health.answers_at(path) || health.paths().any(covers))
        {
            return refuse("a probe is there");
        }
        Ok(CheckedApi(Some(checked)))
    }
}

// === impl CheckedApi ===

impl CheckedApi {
    /// Where the API is.
    pub(super) fn path(&self) -> Option<&str> {
        self.0.as_ref().map(CheckedMonitoring::path)
    }

    /// Who may ask.
    pub(super) fn facts(&self) -> Option<AccessFacts> {
        self.0.as_ref().map(|checked| AccessFacts {
            word: checked.access(),
            short_token: checked.has_short_token(),
        })
    }

    /// What keeps the failures that it shows. Nothing is kept if it is off.
    pub(super) fn failures(&self, sentry: Option<&SentryOptions>) -> FailuresObserver {
        let most = self.0.as_ref().map_or(0, CheckedMonitoring::failures);
        FailuresObserver::keep(most, sentry)
    }

    /// Makes the API. Warns once if its token can be guessed.
    pub(super) fn with(self, shown: &Shown<'_>) -> Api {
        let Some(checked) = self.0 else {
            return Api(None);
        };
        if checked.has_short_token() {
            tracing::warn!(
                target: "tower_vitals",
                "the token of the monitoring API has fewer than 16 characters: it can be guessed"
            );
        }
        let release = shown.release;
        let sources = Sources {
            metrics: shown.metrics.clone(),
            statistics: shown.lately.handle(),
            alerts: shown.alerting.handle(),
            health: shown.health.map(|health| health.handle().clone()),
            deployments: Arc::new(shown.deployments.clone()),
            sentry: shown.sentry.is_on(),
            service: release.service.as_deref().map(Into::into),
            version: release.version.as_deref().map(Into::into),
            environment: Arc::clone(&shown.deployments.environment),
            failures: shown.failures.clone(),
            stuck: shown.stuck.clone(),
            notifiers: Arc::new(shown.deployments.notifications.clone()),
            bands: shown.metrics.bands(),
            #[cfg(feature = "generate")]
            generated: shown.generated.clone(),
            doctor: Arc::new(shown.doctor.clone()),
            fleet: shown.deployments.sharing.others(),
        };
        Api(Some(MonitoringService::new(checked, sources)))
    }
}

// === impl Api ===

impl Api {
    pub(super) const fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// Answers a request of this peer. Gives it back if its path is not that of the API.
    pub(super) async fn answer<B>(
        &mut self,
        mut request: Request<B>,
        peer: SocketAddr,
    ) -> Result<Response<Full<Bytes>>, Request<B>>
    where
        B: Body<Data: Send, Error: Send> + Send + 'static,
    {
        let path = request.uri().path();
        let Some(service) = self.0.as_mut().filter(|service| service.answers(path)) else {
            return Err(request);
        };
        request.extensions_mut().insert(PeerAddress(peer));
        match service.call(request).await {
            Ok(response) => Ok(response),
            Err(never) => match never {},
        }
    }

    /// Adds the API to a router.
    #[cfg(feature = "axum")]
    pub(super) fn add_to<S>(&self, router: axum::Router<S>) -> axum::Router<S>
    where
        S: Clone + Send + Sync + 'static,
    {
        match &self.0 {
            Some(service) => service.add_to(router),
            None => router,
        }
    }
}

// === impl Deployments ===

impl RecordDeployment for Deployments {
    fn record(&self, deployment: NewDeployment) {
        let mut told = Deployment::new(deployment.version).changes(deployment.changes);
        if let Some(by) = deployment.by {
            told = told.by(by);
        }
        Self::record(self, &told, Teller::Person);
    }
}

// === impl Vitals ===

impl Vitals {
    /// The [monitoring API](crate::monitoring), if there is one, for servers other than axum's. In axum, [`routes`](Self::routes)
    /// mounts it, and on the [admin port](super::VitalsBuilder::admin_addr) it is there anyway.
    #[cfg_attr(
        tower_vitals_docsrs,
        doc(cfg(all(feature = "health", feature = "statistics")))
    )]
    #[must_use]
    pub fn monitoring(&self) -> Option<MonitoringService> {
        self.api.0.clone()
    }
}

#[cfg(test)]
impl Vitals {
    /// The failures that the API shows, if it is on and keeps some.
    pub(crate) fn failures(&self) -> Option<Arc<crate::failures::Failures>> {
        let service = self.api.0.as_ref()?;
        service.failures()
    }
}

#[cfg(test)]
mod tests;

//! Stands in for the monitoring API without features `health` and `statistics`: there is none.

#[cfg(feature = "health")]
use std::net::SocketAddr;

#[cfg(feature = "health")]
use bytes::Bytes;
#[cfg(feature = "health")]
use http::{Request, Response};
#[cfg(feature = "health")]
use http_body_util::Full;

#[cfg(feature = "statistics")]
use super::doctor::Doctor;
use super::{alerting::Alerting, deployment::Deployments, lately::Lately};
#[cfg(feature = "statistics")]
use crate::doctor::AccessFacts;
#[cfg(feature = "generate")]
use crate::generate::Generated;
use crate::{
    config::{ConfigError, Environment},
    failures::FailuresObserver,
    health::HealthService,
    metrics::Metrics,
    release::Release,
    sentry::{Connection, SentryOptions},
    stuck::StuckObserver,
};

/// There are none.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct MonitoringSettings;

/// There are none.
pub(super) struct CheckedApi;

/// There is none.
#[derive(Clone, Copy, Debug)]
pub(super) struct Api;

/// What nobody is shown.
#[expect(dead_code, reason = "the API that it stands in for shows them")]
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
    #[cfg(feature = "statistics")]
    pub(super) doctor: &'s Doctor,
}

// === impl MonitoringSettings ===

impl MonitoringSettings {
    pub(super) fn from_environment(environment: &Environment<'_>) -> Result<Self, ConfigError> {
        for name in ["MONITORING_TOKEN", "MONITORING_TOKEN_FILE"] {
            if environment.get(name).is_some() {
                let reason = "the monitoring API needs features health and statistics";
                return Err(ConfigError::new(name, "", reason));
            }
        }
        Ok(Self)
    }

    #[expect(
        clippy::unnecessary_wraps,
        reason = "the settings that these stand in for can be bad"
    )]
    pub(super) const fn checked(
        self,
        _: Option<&HealthService>,
    ) -> Result<CheckedApi, ConfigError> {
        Ok(CheckedApi)
    }
}

// === impl CheckedApi ===

impl CheckedApi {
    pub(super) const fn path(&self) -> Option<&str> {
        None
    }

    #[cfg(feature = "statistics")]
    pub(super) const fn facts(&self) -> Option<AccessFacts> {
        None
    }

    pub(super) const fn failures(&self, _: Option<&SentryOptions>) -> FailuresObserver {
        FailuresObserver
    }

    pub(super) const fn with(self, _: &Shown<'_>) -> Api {
        Api
    }
}

// === impl Api ===

impl Api {
    pub(super) const fn is_on(&self) -> bool {
        false
    }

    #[cfg(feature = "health")]
    #[expect(
        clippy::unused_async,
        clippy::needless_pass_by_ref_mut,
        reason = "the API that it stands in for answers"
    )]
    pub(super) async fn answer<B>(
        &mut self,
        request: Request<B>,
        _: SocketAddr,
    ) -> Result<Response<Full<Bytes>>, Request<B>> {
        Err(request)
    }

    #[cfg(feature = "axum")]
    pub(super) fn add_to<S>(&self, router: axum::Router<S>) -> axum::Router<S> {
        router
    }
}

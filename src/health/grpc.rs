//! Serves gRPC's health protocol from the same checks.

#[expect(
    clippy::allow_attributes,
    clippy::clone_on_ref_ptr,
    unnameable_types,
    unreachable_pub,
    unused_qualifications,
    reason = "made from health.proto by tonic-prost-build, and left as it is"
)]
mod generated;

use std::{
    collections::{BTreeSet, HashMap},
    pin::Pin,
    time::Duration,
};

use tokio::{select, sync::mpsc, time};
use tonic::{
    Request, Response, Status as GrpcStatus,
    codegen::tokio_stream::{Stream, wrappers::ReceiverStream},
};

use self::generated::{
    HealthCheckRequest, HealthCheckResponse, HealthListRequest, HealthListResponse,
    health_check_response::ServingStatus, health_server::HealthServer,
};
use super::{handle::Health, state::Status};
use crate::{facts::marks::Mark, marked::Marked};

/// How often a stream looks by itself: a runtime of the checks that has ended announces nothing.
const EVERY: Duration = Duration::from_secs(1);

/// `grpc.health.v1.Health` over the checks of a [`Health`], for `tonic::transport::Server::add_service` and for axum.
///
/// The names `""`, `readiness` and the given ones are SERVING while the service is healthy or degraded. The name `liveness`
/// is always SERVING. Before each critical check has answered, and from [`Health::drain`] on, they are NOT_SERVING. An
/// unknown name is NOT_FOUND for `Check`, and SERVICE_UNKNOWN on an open stream for `Watch`. A stream ends after it has sent
/// that the service drains, so it does not delay a shutdown. `tonic-health` does none of this, and has no `List`.
///
/// A call is not counted as traffic, wherever the service is mounted.
pub type GrpcHealth = Marked<HealthServer<GrpcHealthProbe>>;

/// What answers the calls of [`GrpcHealth`].
#[derive(Clone, Debug)]
pub struct GrpcHealthProbe {
    health: Health,
    names: BTreeSet<String>,
}

// === impl Health ===

impl Health {
    /// gRPC's health service for these checks. It knows the names of `services` beside its own.
    #[must_use]
    pub fn grpc(&self, services: &[&str]) -> GrpcHealth {
        let own = ["", "liveness", "readiness"];
        let names = own.iter().chain(services).map(|name| (*name).to_owned());
        let probe = HealthServer::new(GrpcHealthProbe {
            health: self.clone(),
            names: names.collect(),
        });
        Marked::new(probe, Mark::Unobserved)
    }
}

// === impl GrpcHealthProbe ===

impl GrpcHealthProbe {
    /// The status of a service by its name, while the health is `status`. `None` for an unknown name.
    fn serving(&self, name: &str, status: Status) -> Option<ServingStatus> {
        if !self.names.contains(name) {
            return None;
        }
        Some(match status.is_well() || name == "liveness" {
            true => ServingStatus::Serving,
            false => ServingStatus::NotServing,
        })
    }
}

fn response(status: ServingStatus) -> HealthCheckResponse {
    HealthCheckResponse {
        status: status.into(),
    }
}

#[tonic::async_trait]
impl generated::health_server::Health for GrpcHealthProbe {
    async fn check(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<HealthCheckResponse>, GrpcStatus> {
        match self.serving(&request.get_ref().service, self.health.status()) {
            Some(status) => Ok(Response::new(response(status))),
            None => Err(GrpcStatus::not_found("no service of this name")),
        }
    }

    async fn list(
        &self,
        _: Request<HealthListRequest>,
    ) -> Result<Response<HealthListResponse>, GrpcStatus> {
        // One reading for all names.
        let health = self.health.status();
        let each = self.names.iter().filter_map(|name| {
            let status = self.serving(name, health)?;
            Some((name.clone(), response(status)))
        });
        let statuses: HashMap<_, _> = each.collect();
        Ok(Response::new(HealthListResponse { statuses }))
    }

    type WatchStream = Pin<Box<dyn Stream<Item = Result<HealthCheckResponse, GrpcStatus>> + Send>>;

    async fn watch(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<Self::WatchStream>, GrpcStatus> {
        let name = request.into_inner().service;
        // At most one message waits.
        let (sender, receiver) = mpsc::channel(1);
        let probe = self.clone();
        tokio::spawn(async move {
            let mut changes = probe.health.changes();
            let mut last = None;
            loop {
                let draining = probe.health.is_draining();
                let status = probe.serving(&name, probe.health.status());
                let status = status.unwrap_or(ServingStatus::ServiceUnknown);
                if last != Some(status) {
                    last = Some(status);
                    if sender.send(Ok(response(status))).await.is_err() {
                        return;
                    }
                }
                if draining {
                    return;
                }
                select! {
                    changed = changes.next() => if changed.is_none() { return },
                    () = time::sleep(EVERY) => {}
                    () = sender.closed() => return,
                }
            }
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(receiver))))
    }
}

#[cfg(test)]
mod tests;

//! Answers gRPC's own health questions from the same checks.

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
use super::{Health, Status};

/// How often a watcher is told what no event tells: that a result has become too old.
const EVERY: Duration = Duration::from_secs(1);

/// `grpc.health.v1.Health` over the checks of a [`Health`], for `tonic::transport::Server::add_service` and for axum.
///
/// The names `""`, `readiness` and those given are SERVING while the service is healthy or degraded, `liveness` is so always.
/// NOT_SERVING before the first round and from [`Health::drain`] on. A name that nobody gave is NOT_FOUND for `Check`, and
/// SERVICE_UNKNOWN on an open stream for `Watch`. A stream ends after it has said that the service drains, so that it holds
/// no shutdown up. `tonic-health` differs in each of these, and has no `List`.
pub type GrpcHealth = HealthServer<Probe>;

/// The service behind [`GrpcHealth`].
#[derive(Clone, Debug)]
pub struct Probe {
    health: Health,
    names: BTreeSet<String>,
}

// === impl Health ===

impl Health {
    /// gRPC's health service for these checks, with names for it to know beside its own.
    #[must_use]
    pub fn grpc(&self, services: &[&str]) -> GrpcHealth {
        let own = ["", "liveness", "readiness"];
        let names = own.iter().chain(services).map(|name| (*name).to_owned());
        HealthServer::new(Probe {
            health: self.clone(),
            names: names.collect(),
        })
    }
}

// === impl Probe ===

impl Probe {
    fn status(&self, name: &str) -> Option<ServingStatus> {
        if !self.names.contains(name) {
            return None;
        }
        let serving = name == "liveness"
            || matches!(self.health.status(), Status::Healthy | Status::Degraded);
        Some(match serving {
            true => ServingStatus::Serving,
            false => ServingStatus::NotServing,
        })
    }
}

fn said(status: ServingStatus) -> HealthCheckResponse {
    HealthCheckResponse {
        status: status.into(),
    }
}

#[tonic::async_trait]
impl generated::health_server::Health for Probe {
    async fn check(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<HealthCheckResponse>, GrpcStatus> {
        match self.status(&request.get_ref().service) {
            Some(status) => Ok(Response::new(said(status))),
            None => Err(GrpcStatus::not_found("no service of this name")),
        }
    }

    async fn list(
        &self,
        _: Request<HealthListRequest>,
    ) -> Result<Response<HealthListResponse>, GrpcStatus> {
        let each = self.names.iter().filter_map(|name| {
            let status = self.status(name)?;
            Some((name.clone(), said(status)))
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
        // One message that is not taken yet, and no more.
        let (sender, receiver) = mpsc::channel(1);
        let probe = self.clone();
        tokio::spawn(async move {
            let mut changes = probe.health.changes();
            let mut last = None;
            loop {
                let draining = probe.health.is_draining();
                let status = probe.status(&name).unwrap_or(ServingStatus::ServiceUnknown);
                if last != Some(status) {
                    last = Some(status);
                    if sender.send(Ok(said(status))).await.is_err() {
                        return;
                    }
                }
                if draining {
                    return;
                }
                select! {
                    changed = changes.changed() => if changed.is_err() { return },
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

//! Takes payments through another service, behind a circuit breaker.

use std::time::Duration;

use axum::{
    Router,
    body::Body,
    http::{Request, Response, StatusCode},
    routing::post,
};
use hyper::body::Incoming;
use hyper_util::{
    client::legacy::{self as client, Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use tokio::net::TcpListener;
use tower::{BoxError, Layer, Service, ServiceExt, util::BoxCloneSyncService};
use tower_resilience_circuitbreaker::CircuitBreakerLayer;
use tower_vitals::operations::{Circuit, OutboundBody, OutboundLayer, circuit};

use crate::{trouble::Trouble, work};

/// The name of the service, and of its circuit breaker.
const NAME: &str = "payments";

/// What the client of the service answers.
type Paid = Response<OutboundBody<Incoming>>;

#[derive(Clone)]
pub(crate) struct Payments {
    client: BoxCloneSyncService<Request<Body>, Paid, BoxError>,
    address: String,
}

// === impl Payments ===

impl Payments {
    /// Starts the other service in this process, and a client for it.
    pub(crate) async fn start() -> Result<Self, Box<dyn std::error::Error>> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = format!("http://{}/pay", listener.local_addr()?);
        let service = Router::new().route("/pay", post(pay));
        tokio::spawn(axum::serve(listener, service).into_future());

        let breaker = CircuitBreakerLayer::builder()
            .failure_classifier(|paid: &Result<Paid, client::Error>| match paid {
                Ok(answer) => answer.status().is_server_error(),
                Err(_) => true,
            })
            .consecutive_failures(5)
            .wait_duration_in_open(Duration::from_millis(500))
            .on_state_transition(circuit(NAME).on_transition())
            .build()?;
        let client: Client<HttpConnector, Body> =
            Client::builder(TokioExecutor::new()).build_http();
        // Within the breaker, so that a call that it refuses is no call.
        let client = breaker.layer(OutboundLayer::new(NAME).layer(client));
        Ok(Self {
            client: BoxCloneSyncService::new(client.map_err(BoxError::from)),
            address,
        })
    }

    /// The circuit breaker, which shows in health.
    pub(crate) const fn circuit(&self) -> Circuit {
        circuit(NAME)
    }

    /// Takes the payment for an order.
    pub(crate) async fn take(&self) -> Result<(), BoxError> {
        let request = Request::post(&self.address).body(Body::empty())?;
        let mut client = self.client.clone();
        let answer = client.ready().await?.call(request).await?;
        match answer.status() {
            StatusCode::OK => Ok(()),
            status => Err(format!("the payment service answered {status}").into()),
        }
    }
}

/// The other service.
async fn pay() -> StatusCode {
    match Trouble::now() {
        Trouble::PaymentsDown => StatusCode::SERVICE_UNAVAILABLE,
        Trouble::PaymentsSlow => {
            work(300).await;
            StatusCode::OK
        }
        _ => {
            work(5).await;
            StatusCode::OK
        }
    }
}

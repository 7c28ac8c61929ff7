//! Answers the gRPC health protocol as the probes answer.

use axum::Router;
use tower_vitals::health::Health;

use super::{Dependency, MS, Mood};
use crate::support::server::Server;

#[tokio::test]
async fn grpc_health_agrees_with_the_probes() {
    use crate::health_client::{
        HealthCheckRequest, HealthListRequest, health_check_response::ServingStatus,
        health_client::HealthClient,
    };
    use ServingStatus::{NotServing, ServiceUnknown, Serving};
    let database = Dependency::new(Mood::Hanging);
    let check = database.check("database").interval(MS(20)).timeout(MS(200));
    let health = Health::builder().check(check).start().unwrap();
    let grpc = health.grpc(&["shop.v1.Prices"]);
    let app = Router::new().route_service("/grpc.health.v1.Health/{*method}", grpc);
    let server = Server::start(app).await;
    let client = HealthClient::connect(format!("http://{}", server.address))
        .await
        .unwrap();
    let asking = |service: &str| HealthCheckRequest {
        service: service.into(),
    };
    let check = async |service: &str| {
        let answer = client.clone().check(asking(service)).await;
        answer
            .map(|answer| answer.get_ref().status())
            .map_err(|status| status.code())
    };
    // No check has answered yet.
    for (service, status) in [
        ("", Ok(NotServing)),
        ("readiness", Ok(NotServing)),
        ("shop.v1.Prices", Ok(NotServing)),
        ("liveness", Ok(Serving)),
        ("nobody", Err(tonic::Code::NotFound)),
    ] {
        assert_eq!(check(service).await, status, "{service}");
    }
    let watch = async |service: &str| {
        client
            .clone()
            .watch(asking(service))
            .await
            .unwrap()
            .into_inner()
    };
    let mut prices = watch("shop.v1.Prices").await;
    let mut nobody = watch("nobody").await;
    let answer = |message: Result<
        Option<crate::health_client::HealthCheckResponse>,
        tonic::Status,
    >| message.unwrap().map(|answer| answer.status());
    assert_eq!(answer(prices.message().await), Some(NotServing));
    assert_eq!(answer(nobody.message().await), Some(ServiceUnknown));
    database.set(Mood::Up);
    assert_eq!(answer(prices.message().await), Some(Serving));
    assert_eq!(check("").await, Ok(Serving));
    database.set(Mood::Down);
    assert_eq!(answer(prices.message().await), Some(NotServing));
    let list = client
        .clone()
        .list(HealthListRequest {})
        .await
        .unwrap()
        .into_inner();
    let list: std::collections::BTreeMap<_, _> = list
        .statuses
        .iter()
        .map(|(name, answer)| (name.as_str(), answer.status()))
        .collect();
    assert_eq!(
        list,
        [
            ("", NotServing),
            ("liveness", Serving),
            ("readiness", NotServing),
            ("shop.v1.Prices", NotServing)
        ]
        .into()
    );
    database.set(Mood::Up);
    assert_eq!(answer(prices.message().await), Some(Serving));
    // Each stream sends the change to draining, and then ends.
    health.drain();
    assert_eq!(answer(prices.message().await), Some(NotServing));
    assert_eq!(answer(prices.message().await), None);
    assert_eq!(answer(nobody.message().await), None);
    assert_eq!(check("").await, Ok(NotServing));
    assert_eq!(check("liveness").await, Ok(Serving));
}

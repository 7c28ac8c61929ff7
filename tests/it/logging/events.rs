//! Puts the facts of a request into its event.

use std::{convert::Infallible, time::Duration};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::Request,
    http::StatusCode,
    routing::any,
};
use http_body_util::Full;
use hyper::Response;
use serde_json::Value;
use tower::{Layer, ServiceExt, service_fn};
use tower_vitals::{Vitals, logging::Format};

use crate::support::{
    lines::{lines, written},
    requests,
    stacks::isolated,
};

#[tokio::test(start_paused = true)]
async fn one_event_a_request_with_its_facts_at_top_level() {
    let vitals = isolated();
    let (written, _guard) = written(Format::Json);
    let app = Router::new()
        .route(
            "/users/{id}",
            any(async || {
                tracing::info!(order = 7, "while it runs");
                tokio::time::sleep(Duration::from_millis(550)).await;
                "a user"
            }),
        )
        .route("/fail", any(async || StatusCode::INTERNAL_SERVER_ERROR))
        .layer(vitals.layer());
    for path in ["/users/7?token=secret", "/fail", "/nothing"] {
        let request = Request::builder()
            .uri(path)
            .header("x-request-id", "id-7")
            .body(Body::empty())
            .unwrap();
        requests::send(&app, request).await;
    }
    let lines = lines(&written);
    assert_eq!(lines.len(), 4, "{lines:#?}");
    // Every event that is logged while a request runs has its id.
    assert_eq!(
        (&lines[0]["message"], &lines[0]["request_id"]),
        (&"while it runs".into(), &"id-7".into())
    );
    let user = &lines[1];
    for (field, value) in [
        ("level", Value::from("WARN")),
        ("target", "tower_vitals".into()),
        ("message", "request".into()),
        ("request_id", "id-7".into()),
        ("method", "GET".into()),
        ("path", "/users/7".into()),
        ("endpoint", "/users/{id}".into()),
        ("status", 200.into()),
        ("outcome", "completed".into()),
        ("severity", "warning".into()),
        ("head_ms", 550.0.into()),
        ("total_ms", 550.0.into()),
        ("bytes", 6.into()),
    ] {
        assert_eq!(user[field], value, "{field}");
    }
    let timestamp = user["timestamp"].as_str().unwrap();
    assert!(
        timestamp.len() == 24 && timestamp.ends_with('Z'),
        "{timestamp}"
    );
    assert_eq!(
        (&lines[2]["level"], &lines[2]["severity"]),
        (&"ERROR".into(), &"critical".into())
    );
    assert_eq!(
        (&lines[3]["level"], &lines[3]["endpoint"]),
        (&"INFO".into(), &"unmatched".into())
    );
}

#[tokio::test]
async fn an_excluded_request_has_an_event_only_where_it_failed() {
    let vitals = Vitals::builder()
        .isolated()
        .exclude(["/health/"])
        .build()
        .unwrap();
    let (written, _guard) = written(Format::Json);
    let service = vitals
        .layer()
        .layer(service_fn(|request: Request<()>| async move {
            if request.uri() == "/health/error" {
                return Err("broken");
            }
            Ok(Response::new(Full::<Bytes>::default()))
        }));
    for path in ["/health/fine", "/health/error"] {
        let request = Request::builder().uri(path).body(()).unwrap();
        let _ = service.clone().oneshot(request).await;
    }
    let lines = lines(&written);
    assert_eq!(lines.len(), 1, "{lines:#?}");
    for (field, value) in [
        ("level", "ERROR"),
        ("path", "/health/error"),
        ("outcome", "error"),
    ] {
        assert_eq!(lines[0][field], value, "{field}");
    }
}

#[tokio::test]
async fn a_calls_status_and_a_wrong_length_are_in_the_event() {
    let vitals = isolated();
    let (written, _guard) = written(Format::Json);
    for (header, value, grpc_status, mismatch) in [
        ("grpc-status", "5", 5.into(), Value::Null),
        ("content-length", "3", Value::Null, true.into()),
        ("content-length", "5", Value::Null, Value::Null),
    ] {
        let kind = match header {
            "grpc-status" => "application/grpc",
            _ => "text/plain",
        };
        let service = vitals
            .layer()
            .layer(service_fn(move |_: Request<()>| async move {
                let response = Response::builder()
                    .header(header, value)
                    .header("content-type", kind);
                Ok::<_, Infallible>(response.body(Full::<Bytes>::from("hello")).unwrap())
            }));
        let request = Request::builder()
            .header("content-type", kind)
            .body(())
            .unwrap();
        requests::send(&service, request).await;
        let line = &lines(&written)[0];
        assert_eq!(
            (&line["grpc_status"], &line["length_mismatch"]),
            (&grpc_status, &mismatch)
        );
    }
}

#[tokio::test]
async fn an_event_with_an_id_of_its_own_has_no_second_one() {
    let vitals = isolated();
    let (written, _guard) = written(Format::Json);
    let service = vitals.layer().layer(service_fn(|_: Request<()>| async {
        tracing::info!(request_id = "own", "while it runs");
        Ok::<_, Infallible>(Response::new(Full::<Bytes>::default()))
    }));
    service.oneshot(Request::new(())).await.unwrap();
    // Compared as text: a JSON parser keeps only one of two equal keys.
    let text = written.take();
    let line = text.lines().next().unwrap();
    assert!(line.contains(r#""request_id":"own""#), "{line}");
    assert_eq!(line.matches("request_id").count(), 1, "{line}");
}

//! Shows the error of a check only to those who may see it.

use axum::{body::Body, extract::Request};
use tokio::time;
use tower_vitals::{
    health::{Details, Health},
    logging::Format,
};

use super::{Dependency, MS, Mood, SECRET, ask, json, probe};
use crate::support::{
    lines::{lines_with, written},
    stacks::with_health,
};

#[tokio::test(start_paused = true)]
async fn an_error_is_in_the_log_and_behind_the_gate_and_nowhere_else() {
    let (written, _guard) = written(Format::Json);
    let health = Health::builder()
        .check(Dependency::new(Mood::Down).check("database"))
        .start()
        .unwrap();
    time::sleep(MS(50)).await;
    // A thread of its own tells of a change.
    let lines = lines_with(&written, "health");
    let of_check = lines.iter().filter(|line| line["message"] == "health");
    let errors: Vec<_> = of_check.map(|line| &line["error"]).collect();
    assert_eq!(errors, [SECRET], "{lines:#?}");
    let public = health.service();
    let gated = health
        .service()
        .details(Details::Token("s3cret-token".into()))
        .unwrap();
    let open = health.service().details(Details::Public).unwrap();
    let targets = [
        "/health",
        "/readyz?verbose",
        "/health?format=health+json",
        "/health/database",
        "/readyz?format=json",
    ];
    for target in targets {
        for shut in [&public, &gated] {
            let (status, _, body) = probe(shut, target).await;
            assert_eq!(status, 503, "{target}");
            assert!(!body.contains("secret"), "{target}: {body}");
        }
        let (_, _, body) = probe(&open, target).await;
        assert!(body.contains(SECRET), "{target}: {body}");
    }
    let vitals = with_health(public);
    assert!(!vitals.render().contains("secret"), "{}", vitals.render());
    let with = |authorization: &[&str]| {
        let mut request = Request::builder().uri("/health");
        for value in authorization {
            request = request.header("authorization", *value);
        }
        request.body(Body::empty()).unwrap()
    };
    let (_, _, body) = ask(&gated, with(&[])).await;
    assert!(!body.contains("secret@"), "{body}");
    let (_, _, body) = ask(&gated, with(&["Bearer s3cret-token"])).await;
    let report = json(&body);
    assert_eq!(report["checks"]["database"]["error"], SECRET);
    assert_eq!(report["checks"]["database"]["status"], "unhealthy");
    assert!(!format!("{gated:?}").contains("s3cret"), "{gated:?}");
    let error = health
        .service()
        .details(Details::Token(String::new()))
        .unwrap_err();
    assert_eq!(error.field(), "health.details");
}

#[tokio::test(start_paused = true)]
async fn a_reader_without_the_token_gets_the_public_response() {
    const TOKEN: &str = "s3cret-tök€n";
    let health = Health::builder()
        .check(Dependency::new(Mood::Down).check("database"))
        .start()
        .unwrap();
    time::sleep(MS(50)).await;
    let gated = health.service().details(Details::Token(TOKEN.into()));
    let gated = gated.unwrap();
    let answer = async |target: &str, authorization: &[&[u8]]| {
        let mut request = Request::builder().uri(target);
        for value in authorization {
            request = request.header("authorization", *value);
        }
        let request = request.body(Body::empty()).unwrap();
        let (status, kind, body) = ask(&gated, request).await;
        let mut body = json(&body);
        body["timestamp"].take();
        (status, kind, body)
    };
    let bearer = |token: &[u8]| [b"Bearer ", token].concat();
    let right = bearer(TOKEN.as_bytes());
    let public = answer("/health", &[]).await;
    assert_eq!(public.2["checks"]["database"], "unavailable");
    let each = [
        ("empty", bearer(b"")),
        ("nothing", b"".to_vec()),
        ("no token", b"Bearer".to_vec()),
        ("prefix", right[..right.len() - 1].to_vec()),
        ("end", bearer(&TOKEN.as_bytes()[1..])),
        ("longer", bearer(format!("{TOKEN}0").as_bytes())),
        ("no space", [b"Bearer", TOKEN.as_bytes()].concat()),
        ("longer scheme", [b"Bearers ", TOKEN.as_bytes()].concat()),
        ("a tab", [b"Bearer\t", TOKEN.as_bytes()].concat()),
        (
            "twice in one",
            bearer(format!("{TOKEN}, {TOKEN}").as_bytes()),
        ),
        ("wrong", bearer("s3cret-tök€N".as_bytes())),
        ("ASCII", bearer(b"s3cret-token")),
        ("Latin-1", bearer(b"s3cret-t\xf6k\x80n")),
        ("not UTF-8", bearer(b"\xff\xfe")),
        ("huge", bearer(&[b'x'; 64 << 10])),
        ("another case", bearer(TOKEN.to_uppercase().as_bytes())),
        ("another scheme", [b"Basic ", TOKEN.as_bytes()].concat()),
        ("no scheme", TOKEN.as_bytes().to_vec()),
    ];
    for (what, wrong) in &each {
        assert_eq!(answer("/health", &[wrong]).await, public, "{what}");
        for (first, second) in [(&right, wrong), (wrong, &right)] {
            let both = answer("/health", &[first, second]).await;
            assert_eq!(both, public, "{what}, beside the right one");
        }
    }
    assert_eq!(answer("/health", &[&right, &right]).await, public, "twice");
    let in_query =
        "/health?token=s3cret-t%C3%B6k%E2%82%ACn&authorization=Bearer%20s3cret-t%C3%B6k%E2%82%ACn";
    assert_eq!(answer(in_query, &[]).await, public, "in the query");
    for scheme in ["Bearer ", "bearer ", "BEARER   "] {
        let right = [scheme.as_bytes(), TOKEN.as_bytes()].concat();
        let (status, _, body) = answer("/health", &[&right]).await;
        assert_eq!(
            (status, &body["checks"]["database"]["error"]),
            (public.0, &SECRET.into()),
            "{scheme:?}"
        );
    }
    for white in [" token", "token ", "\ttoken"] {
        let refused = health.service().details(Details::Token(white.into()));
        assert_eq!(refused.unwrap_err().field(), "health.details");
    }
}

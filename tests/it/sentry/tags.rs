//! Cuts tags only after they are scrubbed.

use axum::{Router, body::Body, extract::Request, routing::get};
use sentry::Level;
use tower_vitals::RequestContext;

use super::{LONG, reporting};
use crate::support::{
    dsn::{Answer, Dsn},
    requests,
};

/// Secrets, and what is left of each if it is cut before it is scrubbed.
const SECRETS: [(&str, &str); 4] = [
    ("postgres://admin:S3ntinelPassw0rdLong@db/shop", "S3nt"),
    ("4111111111111111", "4111"),
    ("jane.sentinel@hospital.example", "jane"),
    ("AKIAIOSFODNN7EXAMPLE", "AKIA"),
];

#[tokio::test]
async fn a_secret_at_the_cut_of_a_tag_does_not_leave() {
    // The secret begins shortly before the end of what Sentry accepts, and of what is kept for the scrubbing.
    for length in [190, 199, 1_010, 1_023] {
        for (secret, part) in SECRETS {
            let dsn = Dsn::start(Answer::Status(200));
            let vitals = reporting(&dsn).build().unwrap();
            let text = format!("{} {secret} and more", &"ab ".repeat(400)[..length - 1]);
            let handler = async move |context: RequestContext| {
                context.user(&text).tenant(&text).tag("own", &text);
                sentry::configure_scope(|scope| scope.set_tag("of_scope", &text));
                sentry::capture_message("here", Level::Info);
            };
            let app = Router::new().route("/", get(handler)).layer(vitals.layer());
            requests::send(&app, Request::new(Body::empty())).await;
            assert_eq!(vitals.flush(LONG), 0);
            let event = dsn.event();
            for value in [
                &event["user"]["id"],
                &event["tags"]["tenant_id"],
                &event["tags"]["own"],
                &event["tags"]["of_scope"],
            ] {
                let value = value.as_str().unwrap();
                assert!(value.starts_with("ab ab"), "{length}: {value}");
                assert_eq!(value.chars().count(), 200, "{length}: {value}");
                assert!(!value.contains(part), "{length}: {value}");
            }
        }
    }
}

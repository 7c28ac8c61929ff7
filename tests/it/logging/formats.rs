//! Writes whole lines, whatever the values are.

use std::{convert::Infallible, fmt, io};

use axum::{body::Bytes, extract::Request};
use http_body_util::Full;
use hyper::Response;
use serde_json::Value;
use tower::{Layer, ServiceExt, service_fn};
use tower_vitals::logging::Format;

use crate::support::{
    lines::{lines, written},
    stacks::isolated,
};

#[test]
fn values_of_every_kind_are_written_as_what_they_are() {
    let (written, _guard) = written(Format::Json);
    tracing::info!(
        text = "a \"b\"",
        signed = -7,
        unsigned = u64::MAX,
        fraction = 0.5,
        yes = true,
        debug = ?Some(1),
        level = "mine",
        r#type = "raw",
        error = &io::Error::other("gone") as &(dyn std::error::Error + 'static),
        "with \n {}",
        "everything"
    );
    let line = &lines(&written)[0];
    let expected = serde_json::json!({
        "text": "a \"b\"", "signed": -7, "unsigned": u64::MAX, "fraction": 0.5, "yes": true, "debug": "Some(1)",
        "field_level": "mine", "type": "raw", "error": "gone", "message": "with \n everything", "level": "INFO",
    });
    for (field, value) in expected.as_object().unwrap() {
        assert_eq!(&line[field], value, "{field}");
    }
}

/// A value whose `Debug` fails.
struct Unwritable;

impl fmt::Debug for Unwritable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("half of ")?;
        Err(fmt::Error)
    }
}

#[test]
fn a_value_that_cannot_be_written_leaves_the_line_whole() {
    let (written, _guard) = written(Format::Json);
    tracing::info!(before = 1, bad = ?Unwritable, nan = f64::NAN, "a \"key\"" = 'c'.len_utf8(), wide = i128::MAX);
    let text = written.take();
    assert!(text.starts_with(r#"{"timestamp":""#), "{text}");
    let (_, fields) = text.split_once(r#""before""#).unwrap();
    assert_eq!(
        fields,
        ":1,\"nan\":null,\"a \\\"key\\\"\":1,\"wide\":\"170141183460469231731687303715884105727\"}\n"
    );
}

#[tokio::test]
async fn one_event_is_one_line_whatever_a_client_sends() {
    let hostile = [
        "/\u{9b}31m",
        "/\u{202e}x",
        "/\u{200b}",
        "/\"}",
        "/\\n",
        "/<script>",
        "/${jndi:ldap://x}",
        "/%0a%0d%1b[31m",
        "/; DROP TABLE",
        "/\u{7f}\u{80}\u{9f}",
    ];
    for format in [Format::Json, Format::Text] {
        let vitals = isolated();
        let (written, _guard) = written(format);
        let service = vitals.layer().layer(service_fn(|_: Request<()>| async {
            Ok::<_, Infallible>(Response::new(Full::<Bytes>::default()))
        }));
        let mut sent = 0;
        for path in hostile {
            // The URI is made from bytes, as hyper does.
            let uri = hyper::Uri::from_maybe_shared(Bytes::copy_from_slice(path.as_bytes()));
            // A target that hyper refuses never reaches a service.
            let Ok(uri) = uri else { continue };
            sent += 1;
            let mut request = Request::new(());
            request.headers_mut().insert(
                "x-request-id",
                hyper::header::HeaderValue::from_bytes(b"\x9b31m\tx").unwrap(),
            );
            *request.uri_mut() = uri;
            service.clone().oneshot(request).await.unwrap();
            let text = written.take();
            assert_eq!(text.matches('\n').count(), 1, "{text:?}");
            let line = text.trim_end_matches('\n');
            assert!(line.chars().all(|c| (' '..='~').contains(&c)), "{line:?}");
            if format == Format::Json {
                serde_json::from_str::<Value>(line).unwrap();
            }
        }
        assert!(sent >= 7, "only {sent} reached the service");
    }
}

//! Asks for the metrics in each form.

use std::io::Read;

use axum::http::{HeaderMap, HeaderName, Method, header};
use flate2::read::GzDecoder;
use http_body_util::BodyExt;

use super::{client::Client, exposition::Exposition};

/// What Prometheus 2.42 sends.
const PROMETHEUS: &str = "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,\
                          text/plain;version=0.0.4;q=0.5,*/*;q=0.1";

/// The head and the body of an answer to these headers.
async fn answered(
    client: &mut Client,
    method: Method,
    headers: &[(HeaderName, &'static str)],
) -> (HeaderMap, Vec<u8>) {
    let mut request = client.request(method.as_str(), "/metrics");
    for (name, value) in headers {
        request.headers_mut().append(name, value.parse().unwrap());
    }
    let response = client.send(request).await.unwrap();
    assert_eq!(response.status(), 200);
    let (head, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    (head.headers, body.into())
}

/// What `/metrics` shows: as text, and as OpenMetrics.
pub(crate) async fn both(client: &mut Client) -> [Exposition; 2] {
    let (_, text) = answered(client, Method::GET, &[]).await;
    let accept = [(header::ACCEPT, PROMETHEUS)];
    let (_, openmetrics) = answered(client, Method::GET, &accept).await;
    let [text, openmetrics] = [text, openmetrics].map(|body| String::from_utf8(body).unwrap());
    [
        Exposition::parse(&text).unwrap(),
        Exposition::parse_openmetrics(&openmetrics).unwrap(),
    ]
}

/// Asks `/metrics` for each form, by GET and by HEAD. One request must have been counted.
pub(crate) async fn each_form_is_answered(client: &mut Client) {
    use header::{ACCEPT, ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, VARY};
    for (headers, openmetrics, gzip) in [
        (&[][..], false, false),
        (&[(ACCEPT, "*/*")], false, false),
        (&[(ACCEPT, PROMETHEUS)], true, false),
        (
            &[(ACCEPT, PROMETHEUS), (ACCEPT_ENCODING, "gzip")],
            true,
            true,
        ),
        (
            &[(ACCEPT_ENCODING, "br"), (ACCEPT_ENCODING, "gzip;q=0.5")],
            false,
            true,
        ),
        (
            &[(ACCEPT, "image/png"), (ACCEPT_ENCODING, "gzip;q=0")],
            false,
            false,
        ),
        (
            &[
                (ACCEPT, "text/plain;q=0.5"),
                (ACCEPT, "application/openmetrics-text;version=1.0.0"),
            ],
            true,
            false,
        ),
    ] {
        let (head, body) = answered(client, Method::GET, headers).await;
        let expected = match openmetrics {
            true => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            false => "text/plain; version=0.0.4; charset=utf-8",
        };
        assert_eq!(head[CONTENT_TYPE], expected, "{headers:?}");
        assert_eq!(head[VARY], "accept, accept-encoding");
        let encoding = head.get(CONTENT_ENCODING);
        assert_eq!(
            encoding.is_some_and(|encoding| encoding == "gzip"),
            gzip,
            "{headers:?}"
        );
        assert_eq!(head[CONTENT_LENGTH], body.len().to_string());
        let mut text = String::new();
        match gzip {
            true => GzDecoder::new(&*body).read_to_string(&mut text),
            false => (&*body).read_to_string(&mut text),
        }
        .unwrap();
        let scrape = match openmetrics {
            true => Exposition::parse_openmetrics(&text),
            false => Exposition::parse(&text),
        };
        assert_eq!(scrape.unwrap().sum("http_requests_total", &[]), 1.0);

        let (mut of_get, mut of_head) = (head, answered(client, Method::HEAD, headers).await);
        assert_eq!(of_head.1, b"");
        // The second text can hold other numbers.
        for head in [&mut of_get, &mut of_head.0] {
            assert!(head.remove(CONTENT_LENGTH).is_some());
            head.remove(header::DATE);
        }
        assert_eq!(of_get, of_head.0, "{headers:?}");
    }
}

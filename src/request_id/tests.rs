use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use tower::{Layer, ServiceExt};

use super::*;

/// Sends one request through `layer`; gives the id that the service saw and all that stand on the response.
async fn exchange(layer: RequestIdLayer, inbound: &[&[u8]]) -> (String, Vec<String>) {
    let extended = layer.engine.observer.has_extension();
    let service = layer.layer(tower::service_fn(move |request: Request<()>| async move {
        let seen = request.headers()["x-request-id"].clone();
        let extension = request.extensions().get::<RequestId>();
        assert_eq!(
            extension.map(RequestId::header_value),
            extended.then_some(&seen)
        );
        assert_eq!(Exchange::current().unwrap().id(), seen.to_str().ok());
        Ok::<_, std::convert::Infallible>(
            Response::builder()
                .header("x-request-id", "the-service's")
                .header("seen", seen)
                .body(Full::new(Bytes::new()))
                .unwrap(),
        )
    }));
    let mut request = Request::new(());
    for value in inbound {
        let value = HeaderValue::from_bytes(value).unwrap();
        request.headers_mut().append("x-request-id", value);
    }
    let response = service.oneshot(request).await.unwrap();
    let text = |value: &HeaderValue| value.to_str().unwrap().to_owned();
    let ids = response.headers().get_all("x-request-id");
    (
        text(&response.headers()["seen"]),
        ids.iter().map(text).collect(),
    )
}

#[tokio::test]
async fn a_valid_inbound_id_is_kept_and_answered_once() {
    let longest = "a".repeat(128);
    for id in ["7", "Az0._-", longest.as_str()] {
        let (seen, answered) = exchange(RequestIdLayer::new(), &[id.as_bytes()]).await;
        assert_eq!((seen.as_str(), answered), (id, vec![id.to_owned()]));
    }
}

#[tokio::test]
async fn other_middleware_finds_the_id_in_the_extensions_if_it_should() {
    let layer = RequestIdLayer::new().tower_http_extension(true);
    for inbound in [&[b"mine".as_slice()][..], &[]] {
        let (seen, answered) = exchange(layer.clone(), inbound).await;
        assert_eq!(answered, [seen]);
    }
}

#[tokio::test]
async fn anything_else_is_replaced_by_a_fresh_uuid() {
    let too_long = "a".repeat(129);
    let hostile: [&[&[u8]]; 9] = [
        &[],
        &[b""],
        &[b" "],
        &[b"a", b"b"],
        &[too_long.as_bytes()],
        &[b"a\tb"],
        &[b"\x9b31m"],
        &["\u{202e}".as_bytes()],
        &[b"${jndi:ldap://x}"],
    ];
    for inbound in hostile {
        let (seen, answered) = exchange(RequestIdLayer::new(), inbound).await;
        assert_eq!(uuid::Uuid::parse_str(&seen).unwrap().get_version_num(), 7);
        assert_eq!(answered, [seen]);
    }
}

/// As many headers as a map can hold, from the first.
fn filled(first: HeaderName) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(first, HeaderValue::from_static("theirs"));
    let mut fits = |n: usize| {
        let name = HeaderName::try_from(format!("x-{n}")).unwrap();
        headers
            .try_append(name, HeaderValue::from_static(""))
            .is_ok()
    };
    let most = (0..).take_while(|n| fits(*n)).count();
    assert!(most > 10_000);
    headers
}

#[tokio::test]
async fn more_headers_than_fit_are_no_panic_and_no_second_id() {
    for (first, answered) in [("x-first", 0), ("x-request-id", 1)] {
        let first = HeaderName::from_static(first);
        let layer = RequestIdLayer::new().trust_inbound(false);
        let service = layer.layer(tower::service_fn(|request: Request<()>| {
            let exchange = Exchange::current().unwrap();
            let carried = request.headers().get("x-request-id");
            assert!(carried.is_none_or(|carried| Some(carried) == exchange.id_value()));
            let mut response = Response::new(Full::new(Bytes::new()));
            *response.headers_mut() = filled(first.clone());
            std::future::ready(Ok::<_, std::convert::Infallible>(response))
        }));
        let mut request = Request::new(());
        *request.headers_mut() = filled(first.clone());
        let response = service.oneshot(request).await.unwrap();
        let ids = response.headers().get_all("x-request-id");
        assert_eq!(ids.iter().filter(|id| *id != "theirs").count(), answered);
        assert_eq!(ids.iter().count(), answered);
    }
}

#[tokio::test]
async fn an_untrusting_layer_keeps_nothing() {
    let layer = RequestIdLayer::new().trust_inbound(false);
    let (seen, answered) = exchange(layer, &[b"mine"]).await;
    assert_ne!(seen, "mine");
    assert_eq!(answered, [seen]);
}

#[test]
fn a_bad_header_name_is_refused() {
    for name in ["x request id", "", ":path", "host"] {
        let error = RequestIdLayer::new().header(name).unwrap_err();
        assert_eq!((error.field(), error.value()), ("request_id.header", name));
    }
}

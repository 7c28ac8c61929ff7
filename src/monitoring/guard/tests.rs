use http::{HeaderValue, Method, Request, StatusCode, Version};

use super::*;
use crate::monitoring::PeerAddress;

/// A request from this machine with these headers and no others.
fn request(headers: &[(&str, &str)]) -> Parts {
    let request = Request::builder().method(Method::GET).uri("/status");
    let request = headers.iter().fold(request, |request, (name, value)| {
        request.header(*name, *value)
    });
    let mut request = request.body(()).unwrap();
    let peer = PeerAddress("127.0.0.1:9".parse().unwrap());
    request.extensions_mut().insert(peer);
    request.into_parts().0
}

fn loopback(token: Option<&str>) -> Guard {
    Guard::Loopback {
        token: token.map(str::to_owned),
        hosts: vec![Host::parse("vitals.test").unwrap()],
    }
}

fn status(judged: Result<(), Refusal>) -> u16 {
    judged.map_or_else(|refusal| refusal.status.as_u16(), |()| 200)
}

const LOCAL: (&str, &str) = ("host", "localhost:8080");

#[test]
fn loopback_looks_at_host_and_refuses_what_came_through_a_proxy() {
    for (headers, expected) in [
        (&[LOCAL][..], 200),
        (&[("host", "127.0.0.1")], 200),
        (&[("host", "[::1]:8080")], 200),
        (&[("host", "vitals.test:1")], 200),
        (&[("host", "evil.example")], 403),
        (&[("host", "localhost.evil.example:8080")], 403),
        (&[("host", "10.0.0.1")], 403),
        (&[], 403),
        (&[LOCAL, LOCAL], 403),
        (&[LOCAL, ("forwarded", "for=127.0.0.1")], 403),
        (&[LOCAL, ("x-forwarded-for", "127.0.0.1")], 403),
        (&[LOCAL, ("x-forwarded-for", "")], 403),
        (&[LOCAL, ("X-Forwarded-Proto", "https")], 403),
        (&[LOCAL, ("x-forwarded-host", "localhost")], 403),
        (&[LOCAL, ("x-forwarded-anything", "a")], 403),
        (&[LOCAL, ("x-real-ip", "::1")], 403),
        (&[LOCAL, ("via", "1.1 proxy")], 403),
        (&[LOCAL, ("user-agent", "curl/8")], 200),
    ] {
        let judged = loopback(None).may_read(&request(headers));
        assert_eq!(status(judged), expected, "{headers:?}");
    }
}

#[test]
fn loopback_refuses_what_a_proxy_that_adds_no_header_sends_by_http_1_0() {
    for (version, expected) in [
        (Version::HTTP_09, 403),
        (Version::HTTP_10, 403),
        (Version::HTTP_11, 200),
        (Version::HTTP_2, 200),
    ] {
        // As nginx does unless it is told otherwise.
        let mut request = request(&[("host", "127.0.0.1:8080"), ("connection", "close")]);
        request.version = version;
        let guard = loopback(None);
        for judged in [guard.may_read(&request), guard.may_open(&request)] {
            assert_eq!(status(judged), expected, "{version:?}");
        }
        let token = Guard::Token("secret".to_owned());
        let bearer = HeaderValue::from_static("Bearer secret");
        request.headers.insert("authorization", bearer);
        assert_eq!(token.may_read(&request), Ok(()), "the token is enough");
    }
}

#[test]
fn loopback_refuses_the_headers_that_proxies_add() {
    for (name, expected) in [
        ("CDN-Loop", 403),
        ("CF-Connecting-IP", 403),
        ("CF-Connecting-IPv6", 403),
        ("CF-Ray", 403),
        ("Client-IP", 403),
        ("DO-Connecting-IP", 403),
        ("Fastly-Client-IP", 403),
        ("Fastly-SSL", 403),
        ("Fly-Client-IP", 403),
        ("Forwarded-For", 403),
        ("Incap-Client-IP", 403),
        ("Proxy-Client-IP", 403),
        ("Proxy-Connection", 403),
        ("Remote-Addr", 403),
        ("True-Client-IP", 403),
        ("WL-Proxy-Client-IP", 403),
        ("X-Amzn-Trace-Id", 403),
        ("X-Appengine-User-IP", 403),
        ("X-ARR-LOG-ID", 403),
        ("X-Azure-ClientIP", 403),
        ("X-Azure-SocketIP", 403),
        ("X-Client-IP", 403),
        ("X-Client-Port", 403),
        ("X-Cluster-Client-IP", 403),
        ("X-Envoy-External-Address", 403),
        ("X-Envoy-Attempt-Count", 403),
        ("X-Nf-Client-Connection-IP", 403),
        ("X-Original-Forwarded-For", 403),
        ("X-Original-URL", 403),
        ("X-ProxyUser-IP", 403),
        ("X-Remote-IP", 403),
        ("X-Rewrite-URL", 403),
        ("X-Scheme", 403),
        ("X-Sucuri-ClientIP", 403),
        ("X-Varnish", 403),
        // Clients send these themselves.
        ("Accept", 200),
        ("Connection", 200),
        ("If-None-Match", 200),
        ("Traceparent", 200),
        ("X-Request-Id", 200),
        ("X-Requested-With", 200),
    ] {
        let judged = loopback(None).may_read(&request(&[LOCAL, (name, "127.0.0.1")]));
        assert_eq!(status(judged), expected, "{name}");
    }
}

#[test]
fn loopback_answers_no_page_of_another_site() {
    const SITE: &str = "sec-fetch-site";
    for (sites, expected) in [
        (&[][..], 200),
        (&["none"], 200),
        (&["same-origin"], 200),
        (&["same-site"], 403),
        (&["cross-site"], 403),
        (&["anything"], 403),
        (&["same-origin", "cross-site"], 403),
    ] {
        let sites = sites.iter().map(|site| (SITE, *site));
        let headers: Vec<_> = [LOCAL].into_iter().chain(sites).collect();
        let request = request(&headers);
        for token in [None, Some("secret")] {
            let guard = loopback(token);
            assert_eq!(status(guard.may_read(&request)), expected, "{headers:?}");
            assert_eq!(guard.may_open(&request), Ok(()), "the page is a link away");
        }
        // Whoever has the token, and everybody, may ask from anywhere.
        assert_eq!((Guard::Public { token: None }).may_read(&request), Ok(()));
    }
}

#[test]
fn loopback_of_http_2_looks_at_the_authority() {
    for (authority, host, expected) in [
        ("localhost:8080", None, 200),
        ("evil.example", None, 403),
        ("evil.example", Some("localhost"), 403),
        ("localhost", Some("evil.example"), 403),
        ("localhost", Some("localhost"), 200),
    ] {
        let headers: Vec<_> = host.iter().map(|host| ("host", *host)).collect();
        let mut request = request(&headers);
        request.uri = format!("http://{authority}/status").parse().unwrap();
        let judged = loopback(None).may_read(&request);
        assert_eq!(status(judged), expected, "{authority} {host:?}");
    }
}

#[test]
fn loopback_lets_nobody_in_whose_peer_is_elsewhere_or_not_known() {
    for (peer, expected, word) in [
        (Some("127.0.0.1:9"), 200, ""),
        (Some("[::ffff:127.0.0.1]:9"), 200, ""),
        (Some("[::1]:9"), 200, ""),
        (Some("10.0.0.1:9"), 403, "on this machine"),
        (Some("[::ffff:10.0.0.1]:9"), 403, "on this machine"),
        (None, 403, "into_make_service_with_connect_info"),
    ] {
        // A client can claim anything.
        let mut request = request(&[LOCAL, ("x-peer", "127.0.0.1")]);
        request.extensions.clear();
        if let Some(peer) = peer {
            request
                .extensions
                .insert(PeerAddress(peer.parse().unwrap()));
        }
        let judged = loopback(None).may_read(&request);
        let sentence = judged
            .as_ref()
            .err()
            .map(|refusal| refusal.sentence.clone());
        assert!(sentence.unwrap_or_default().contains(word), "{judged:?}");
        assert_eq!(status(judged), expected, "{peer:?}");
    }
}

#[test]
fn a_browser_changes_nothing_without_a_token() {
    for (header, expected) in [
        (None, 200),
        (Some(("user-agent", "curl/8")), 200),
        (Some(("accept", "*/*")), 200),
        (Some(("origin", "http://localhost:8080")), 403),
        (Some(("origin", "null")), 403),
        (Some(("referer", "http://localhost:8080/")), 403),
        (Some(("cookie", "a=b")), 403),
        (Some(("sec-fetch-site", "same-origin")), 403),
        (Some(("sec-fetch-mode", "cors")), 403),
        (Some(("sec-fetch-anything", "a")), 403),
    ] {
        let headers: Vec<_> = [LOCAL].into_iter().chain(header).collect();
        let judged = loopback(None).may_change(&request(&headers));
        assert_eq!(status(judged), expected, "{header:?}");
    }
}

#[test]
fn a_change_with_the_token_comes_from_this_origin_or_from_no_page() {
    let token = ("authorization", "Bearer secret");
    let guards = [
        Guard::Token("secret".to_owned()),
        loopback(Some("secret")),
        Guard::Public {
            token: Some("secret".to_owned()),
        },
    ];
    for guard in &guards {
        for (headers, expected) in [
            (&[LOCAL, token][..], 200),
            (&[token], 200),
            (&[LOCAL, token, ("sec-fetch-site", "same-origin")], 200),
            (&[LOCAL, token, ("sec-fetch-site", "same-site")], 403),
            (&[LOCAL, token, ("sec-fetch-site", "cross-site")], 403),
            (&[LOCAL, token, ("sec-fetch-site", "none")], 403),
            (&[LOCAL, token, ("sec-fetch-site", "")], 403),
            (
                &[
                    LOCAL,
                    token,
                    ("sec-fetch-site", "same-origin"),
                    ("sec-fetch-site", "cross-site"),
                ],
                403,
            ),
            (&[LOCAL, token, ("origin", "http://localhost:8080")], 200),
            (&[LOCAL, token, ("origin", "https://localhost:8080")], 200),
            (&[LOCAL, token, ("origin", "http://localhost:8081")], 403),
            (&[LOCAL, token, ("origin", "https://evil.example")], 403),
            (&[LOCAL, token, ("origin", "null")], 403),
            (&[token, ("origin", "http://localhost:8080")], 403),
            (
                &[
                    LOCAL,
                    token,
                    ("origin", "http://localhost:8080"),
                    ("origin", "https://evil.example"),
                ],
                403,
            ),
            // A proxy can have changed the host: then the browser knows better.
            (
                &[
                    LOCAL,
                    token,
                    ("sec-fetch-site", "same-origin"),
                    ("origin", "https://vitals.example"),
                ],
                200,
            ),
        ] {
            let judged = guard.may_change(&request(headers));
            assert_eq!(status(judged), expected, "{headers:?}");
        }
    }
}

#[test]
fn nobody_changes_anything_without_the_token() {
    let wrong = ("authorization", "Bearer wrong");
    for guard in [
        loopback(Some("secret")),
        Guard::Public {
            token: Some("secret".to_owned()),
        },
    ] {
        for headers in [&[LOCAL][..], &[LOCAL, wrong]] {
            let refusal = guard.may_change(&request(headers)).unwrap_err();
            assert_eq!(refusal.status, StatusCode::UNAUTHORIZED, "{headers:?}");
        }
        assert_eq!(guard.may_read(&request(&[LOCAL])), Ok(()));
    }
    let public = Guard::Public { token: None };
    assert_eq!(status(public.may_change(&request(&[LOCAL]))), 403);
    assert_eq!(status(public.may_read(&request(&[]))), 200);
}

#[test]
fn the_token_is_sent_once_and_whole() {
    let guard = Guard::Token("secret".to_owned());
    for (sent, expected) in [
        (&["Bearer secret"][..], 200),
        (&["bearer  secret"], 200),
        (&[], 401),
        (&["Bearer"], 401),
        (&["Bearer "], 401),
        (&["Bearer secre"], 401),
        (&["Bearer secrets"], 401),
        (&["Bearer sécret"], 401),
        (&["Basic secret"], 401),
        (&["secret"], 401),
        (&["Bearer secret", "Bearer secret"], 401),
        (&["Bearer secret", "Bearer wrong"], 401),
    ] {
        let headers: Vec<_> = sent.iter().map(|value| ("authorization", *value)).collect();
        let judged = guard.may_read(&request(&headers));
        if let Err(refusal) = &judged {
            assert_eq!(
                *refusal,
                Refusal::unauthorized(),
                "every answer is the same"
            );
        }
        assert_eq!(status(judged), expected, "{sent:?}");
    }
}

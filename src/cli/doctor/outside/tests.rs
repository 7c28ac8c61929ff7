//! What is seen from outside, and what is found of it.

use super::*;

fn at(url: &str) -> Address<'_> {
    Address::of(url)
}

fn shown(finding: &Finding) -> String {
    finding.line()
}

#[test]
fn plain_http_to_another_machine_is_a_warning_and_to_this_one_is_none() {
    for url in [
        "http://shop.example.com/m",
        "http://10.0.0.5:9000/m",
        "http://[2001:db8::1]/m",
    ] {
        let found = shown(&at(url).findings(true).unwrap());
        assert!(
            found.starts_with("! address: the token goes over plain http"),
            "{found}"
        );
        assert!(found.contains("change MONITORING_URL"), "{found}");
        let found = shown(&at(url).findings(false).unwrap());
        assert!(
            found.starts_with("! address: the answers come over plain http"),
            "{found}"
        );
    }
    for url in [
        "https://shop.example.com/m",
        "http://localhost:8000/m",
        "http://127.0.0.2/m",
        "http://[::1]:9000/m",
    ] {
        assert_eq!(at(url).findings(true), None, "{url}");
    }
}

#[test]
fn the_service_is_where_the_path_of_its_api_begins() {
    for (url, path, root) in [
        (
            "http://a:1/api/v1/monitoring",
            "/api/v1/monitoring",
            "http://a:1",
        ),
        ("http://a:1/in/ops", "/ops", "http://a:1/in"),
        ("http://a:1/behind/a/proxy", "/ops", "http://a:1"),
    ] {
        assert_eq!(at(url).root(path), root);
    }
}

#[test]
fn a_clock_is_compared_with_the_times_before_and_after_the_question() {
    // 2026-11-20 12:00:00.
    let noon = Duration::from_secs(1_795_176_000);
    let date = Some("Fri, 20 Nov 2026 12:00:00 GMT");
    let seconds = Duration::from_secs;
    let found = |before, after| shown(&clock(date, before, after));
    let agree = "✓ clock: the clocks of the service and of this machine agree\n";
    assert_eq!(found(noon, noon), agree);
    // A slow answer says nothing of a clock.
    assert_eq!(found(noon - seconds(60), noon + seconds(60)), agree);
    assert_eq!(found(noon + seconds(5), noon + seconds(5)), agree);
    let behind = found(noon + seconds(6), noon + seconds(7));
    assert!(
        behind.starts_with("✗ clock: the clock of the service is 6 s behind"),
        "{behind}"
    );
    assert!(behind.contains("change the clock of"), "{behind}");
    let ahead = found(noon - seconds(70), noon - seconds(60));
    assert!(
        ahead.starts_with("✗ clock: the clock of the service is 60 s ahead of"),
        "{ahead}"
    );
    for none in [None, Some("soon")] {
        let found = shown(&clock(none, noon, noon));
        assert_eq!(found, "✓ clock: the service does not say what time it is\n");
    }
}

#[test]
fn a_refusal_names_what_to_change() {
    for (status, with_token, begin, change) in [
        (
            401,
            true,
            "✗ token: the service refuses this token",
            "MONITORING_TOKEN",
        ),
        (
            401,
            false,
            "✗ token: the service asks for a token",
            "MONITORING_TOKEN",
        ),
        (403, true, "✗ access: the service refuses: why", "Access"),
        (
            404,
            true,
            "✗ path: the API is not at this address",
            "MONITORING_PATH",
        ),
        (502, true, "✗ api: HTTP 502: why", "MONITORING_URL"),
        (200, true, "✗ api: HTTP 200: why", "MONITORING_URL"),
    ] {
        let found = shown(&refused(status, "why", with_token));
        assert!(
            found.starts_with(begin) && found.contains(change),
            "{found}"
        );
    }
}

#[test]
fn a_probe_and_a_scrape_say_what_they_answer() {
    let body = |text: &str| text.as_bytes().to_vec();
    let well = probe("/health", Ok((200, body(r#"{"status":"degraded"}"#))));
    assert_eq!(shown(&well), "✓ probe: /health answers 200, degraded\n");
    let sick = shown(&probe("/readyz", Ok((503, body("no")))));
    assert!(sick.starts_with("✗ probe: /readyz answers 503\n"), "{sick}");
    let none = shown(&probe("/livez", Ok((404, body("")))));
    assert!(
        none.contains("no /livez") && none.contains("Vitals::routes"),
        "{none}"
    );
    assert!(shown(&probe("/livez", Err("late".into()))).contains("late"));
    let some = scrape(Ok((
        200,
        body("# TYPE a counter\na 1\n# TYPE b gauge\nb 1\n"),
    )));
    assert_eq!(shown(&some), "✓ scrape: /metrics has 2 families\n");
    for bad in [
        Ok((200, body("<html>"))),
        Ok((404, body(""))),
        Err("late".into()),
    ] {
        let found = shown(&scrape(bad));
        assert!(found.starts_with("✗ scrape:"), "{found}");
        assert!(found.contains("use_global_recorder"), "{found}");
    }
}

#[test]
fn a_request_moves_one_of_the_counters() {
    let of = |before, after| [Some(before), Some(after), Some(after)];
    let found = |before, after| shown(&request(Ok(200), of(before, after)));
    assert!(found((1, 0), (2, 0)).starts_with("✓ request: a request was answered 200 and counted"));
    let excluded = found((1, 0), (1, 1));
    assert!(excluded.starts_with("! request:") && excluded.contains("MONITORING_EXCLUDE"));
    let unseen = found((1, 1), (1, 1));
    assert!(
        unseen.starts_with("✗ request:") && unseen.contains("vitals.layer()"),
        "{unseen}"
    );
    let unknown = shown(&request(Ok(200), [None, Some((1, 1)), Some((1, 1))]));
    assert!(unknown.starts_with("! request: nobody knows"), "{unknown}");
    let silent = [Some((1, 1)), Some((1, 1)), None];
    assert!(shown(&request(Ok(200), silent)).starts_with("! request: nobody knows"));
    assert!(shown(&request(Err("late".into()), [None; 3])).contains("no answer: late"));
}

#[test]
fn which_request_was_counted_is_not_known_among_others() {
    let found = |after, later| shown(&request(Ok(200), [Some((7, 7)), Some(after), Some(later)]));
    for (after, later, all) in [
        ((9, 7), (9, 7), 2),
        ((8, 8), (8, 8), 2),
        ((7, 9), (7, 9), 2),
        ((8, 7), (9, 7), 2),
        ((8, 7), (8, 8), 2),
        ((7, 8), (8, 8), 2),
        ((507, 8), (1_007, 9), 1_002),
    ] {
        let found = found(after, later);
        let unsure = format!("! request: a request was answered 200; {all} were seen meanwhile");
        assert!(found.starts_with(&unsure), "{after:?} {later:?}: {found}");
    }
    // Nothing moved while the request was answered, so it was not counted.
    assert!(
        found((7, 7), (9, 7)).starts_with("✗ request: a request was answered 200, and not counted")
    );
}

#[test]
fn probes_are_asked_at_the_paths_that_the_service_tells() {
    let paths = |told: &[&str]| probes(Some(told));
    assert_eq!(probes(None), ["/livez", "/readyz", "/health"]);
    assert_eq!(
        paths(&["/livez", "/startupz", "/health"]),
        ["/livez", "/health"]
    );
    assert_eq!(
        paths(&["/internal/livez", "/internal/readyz", "/internal/startupz"]),
        ["/internal/livez", "/internal/readyz"]
    );
    assert_eq!(
        paths(&["/api/health", "/health", "/v1/health"]),
        ["/health"]
    );
    assert_eq!(paths(&["/api/health", "/health/"]), ["/api/health"]);
    assert_eq!(
        paths(&[".evil.example/livez", "@evil.example/readyz"]),
        [""; 0]
    );
}

use super::*;

#[test]
fn an_endpoint_looks_in_json_as_the_api_shows_it() {
    let mut window = Window::new();
    window.request(&Method::GET, "/orders/{id}", 200, Some(MS(300)));
    window.request(&Method::GET, "/orders/{id}", 404, Some(MS(1)));
    window.request(&Method::GET, "/orders/{id}", 503, Some(MS(2)));
    let statistics = window.statistics();
    let endpoint = statistics.endpoint("GET", "/orders/{id}").unwrap();
    let shown = |millis: u64| {
        let bounds = &window.bounds;
        bounds.middle(bounds.index(millis * 1_000_000)) as f64 / 1e6
    };
    let last = "2026-11-21T12:05:00.000Z";
    let statuses = json!({"200": 1, "404": 1, "503": 1});
    let expected = json!({
        "method": "GET", "endpoint": "/orders/{id}",
        "requests": 3, "errors": 1, "client_errors": 1, "error_rate": 1.0 / 3.0,
        "statuses": statuses,
        "severities": {"normal": 1, "slow": 1, "warning": 0, "critical": 1},
        "mean_ms": 101.0, "p50_ms": shown(2), "p95_ms": shown(300), "p99_ms": shown(300),
        "max_ms": shown(300), "total_ms": 303.0, "last_updated": last,
    });
    assert_eq!(serde_json::to_value(endpoint).unwrap(), expected);
    let cached = json!({
        "total_requests": 3, "total_duration": 303.0, "error_count": 1,
        "status_codes": statuses, "last_updated": last,
    });
    assert_eq!(serde_json::to_value(endpoint.summary()).unwrap(), cached);
}

#[test]
fn endpoints_stand_in_the_order_that_was_asked_for() {
    let mut window = Window::new();
    let mut some = |endpoint: &str, times: u64, status, duration| {
        (0..times).for_each(|_| window.request(&Method::GET, endpoint, status, duration));
    };
    some("/often", 9, 200, Some(MS(1)));
    some("/fails", 3, 500, Some(MS(10)));
    some("/slow", 2, 200, Some(MS(400)));
    some("/long", 5, 200, Some(MS(300)));
    some("/left", 4, 499, None);
    some("/also-left", 4, 499, None);
    let statistics = window.statistics();
    let names = |order| {
        let endpoints = statistics.endpoints(order).into_iter();
        endpoints.map(|one| &*one.endpoint).collect::<Vec<_>>()
    };
    let by_requests = ["/often", "/long", "/also-left", "/left", "/fails", "/slow"];
    assert_eq!(names(EndpointOrder::Requests), by_requests);
    assert_eq!(names(EndpointOrder::default()), by_requests);
    assert_eq!(names(EndpointOrder::Errors)[0], "/fails");
    let by_p95 = ["/slow", "/long", "/fails", "/often", "/also-left", "/left"];
    assert_eq!(names(EndpointOrder::P95), by_p95);
    assert_eq!(names(EndpointOrder::TotalTime)[..2], ["/long", "/slow"]);
}

#[test]
fn methods_of_one_route_are_rows_of_their_own_and_so_are_unmatched_and_overflow() {
    let mut window = Window::new();
    for endpoint in ["/orders", "unmatched", "overflow"] {
        window.request(&Method::GET, endpoint, 200, Some(MS(1)));
        window.request(&Method::POST, endpoint, 201, Some(MS(1)));
    }
    let statistics = window.statistics();
    for endpoint in ["/orders", "unmatched", "overflow"] {
        for method in ["GET", "POST"] {
            let row = statistics.endpoint(method, endpoint).unwrap();
            assert_eq!(row.traffic.requests, 1, "{method} {endpoint}");
        }
    }
    assert!(statistics.endpoint("PUT", "/orders").is_none());
}

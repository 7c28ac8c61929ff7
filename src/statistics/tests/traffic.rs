use super::*;

#[test]
fn requests_without_a_duration_have_no_times() {
    let mut window = Window::new();
    window.request(&Method::GET, "/", 499, None);
    let statistics = window.statistics();
    let traffic = &statistics.endpoint("GET", "/").unwrap().traffic;
    assert_eq!(traffic.requests, 1);
    assert_eq!(
        (traffic.mean_ms, traffic.p50_ms, traffic.max_ms),
        (None, None, None)
    );
    assert_eq!(traffic.error_rate, Some(0.0));
}

#[test]
fn a_client_that_left_is_no_error_and_a_service_that_answers_499_is() {
    let mut window = Window::new();
    window.request(&Method::GET, "/", 499, None);
    window.request(&Method::GET, "/", 499, Some(MS(1)));
    let total = window.statistics().total;
    assert_eq!(
        (total.requests, total.errors, total.client_errors),
        (2, 0, 1)
    );
    assert_eq!(total.statuses, [("499".to_owned(), 2)].into());
}

#[test]
fn where_fine_counts_were_given_up_the_other_numbers_stay() {
    let mut window = Window::new();
    window.request(&Method::GET, "/kept", 200, Some(MS(2)));
    window.request(&Method::GET, "/gone", 200, Some(MS(4)));
    let key = Key::Durations {
        endpoint: "/gone".into(),
        method: MethodLabel::new(&Method::GET),
    };
    window.sums.durations.insert(key, None);
    let statistics = window.statistics();
    let gone = &statistics.endpoint("GET", "/gone").unwrap().traffic;
    assert_eq!((gone.p50_ms, gone.p99_ms, gone.max_ms), (None, None, None));
    assert_eq!((gone.requests, gone.mean_ms), (1, Some(4.0)));
    assert!(
        statistics
            .endpoint("GET", "/kept")
            .unwrap()
            .traffic
            .p95_ms
            .is_some()
    );
    // A part of the durations is no answer for all requests.
    assert_eq!(
        (statistics.total.p95_ms, statistics.total.mean_ms),
        (None, Some(3.0))
    );
}

#[test]
fn the_last_update_is_that_of_the_newest_status() {
    let mut window = Window::new();
    for (status, at) in [(200, 5), (404, 9), (500, 7)] {
        window.sums.end = Duration::from_secs(at);
        window.request(&Method::GET, "/", status, Some(MS(1)));
    }
    let statistics = window.statistics();
    let last = statistics
        .endpoint("GET", "/")
        .unwrap()
        .traffic
        .last_updated;
    assert_eq!(last, Some(WallTime::new(Duration::from_secs(9))));
    assert_eq!(statistics.total.last_updated, last);
    assert_eq!(last.unwrap().to_string(), "1970-01-01T00:00:09.000Z");
}

#[test]
fn counters_of_any_size_make_a_sum() {
    let mut window = Window::new();
    for status in [200, 500] {
        for endpoint in ["/a", "/b"] {
            window.request(&Method::GET, endpoint, status, Some(MS(1)));
        }
    }
    for counts in window.sums.counts.values_mut() {
        counts.fill(u64::MAX);
    }
    for counts in window.sums.durations.values_mut().flatten() {
        counts.fill(u64::MAX);
    }
    let statistics = window.statistics();
    let total = &statistics.total;
    assert_eq!((total.requests, total.errors), (u64::MAX, u64::MAX));
    assert!(total.p50_ms < total.max_ms);
    // Counts that are missing are 0.
    window.sums.counts.values_mut().for_each(Vec::clear);
    window
        .sums
        .durations
        .values_mut()
        .flatten()
        .for_each(Vec::clear);
    assert_eq!(window.statistics().total.requests, 0);
}

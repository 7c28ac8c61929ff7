use std::cell::RefCell;

use super::*;

/// Now, in seconds since 1970.
const NOW: u64 = 1_000_000;

const HOUR: u64 = 3_600;

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn mark(version: &str, ago: u64) -> DeploymentMark {
    DeploymentMark {
        version: version.into(),
        at: seconds(NOW - ago),
        environment: "production".into(),
        by: "ci".into(),
        changes: "faster search".into(),
    }
}

/// Sums of so many requests, of which so many failed.
fn requests(all: u64, failed: u64) -> Sums {
    let mut window = Window::new();
    for number in 0..all {
        let status = if number < failed { 500 } else { 200 };
        window.request(&Method::GET, "/", status, Some(MS(20)));
    }
    window.sums
}

fn releases(
    marks: &[DeploymentMark],
    between: impl Fn(u64, u64) -> Sums,
) -> Vec<ReleaseStatistics> {
    let between = |from: Duration, to: Duration| between(from.as_secs(), to.as_secs());
    ReleaseStatistics::of_each(marks, &Window::new().bounds, between)
}

fn deployments(
    marks: &[DeploymentMark],
    between: impl Fn(u64, u64) -> Sums,
) -> DeploymentStatistics {
    let between = |from: Duration, to: Duration| between(from.as_secs(), to.as_secs());
    DeploymentStatistics::new(marks, seconds(NOW), &Window::new().bounds, between)
}

#[test]
fn a_release_lasts_until_the_next_one() {
    let marks = [mark("1.1", HOUR), mark("1.0", 3 * HOUR), mark("1.2", 60)];
    let asked = RefCell::new(Vec::new());
    let releases = releases(&marks, |from, to| {
        asked.borrow_mut().push((NOW - from, NOW.checked_sub(to)));
        requests(from / HOUR % 10, 1)
    });
    // The newest one lasts until whatever now is when the counters are read.
    let intervals = [(3 * HOUR, Some(HOUR)), (HOUR, Some(60)), (60, None)];
    assert_eq!(*asked.borrow(), intervals);
    let versions: Vec<_> = releases.iter().map(|one| &*one.version).collect();
    assert_eq!(versions, ["1.2", "1.1", "1.0"]);
    let since = |ago| WallTime::new(seconds(NOW - ago));
    assert_eq!((releases[0].since, releases[0].until), (since(60), None));
    assert_eq!(
        (releases[1].since, releases[1].until),
        (since(HOUR), Some(since(60)))
    );
}

#[test]
fn a_release_has_its_requests_error_rate_and_p95() {
    let releases = releases(&[mark("1.0", HOUR)], |_, _| requests(20, 5));
    let release = &releases[0];
    assert_eq!(
        (release.traffic.requests, release.traffic.error_rate),
        (20, Some(0.25))
    );
    let p95 = release.traffic.p95_ms.unwrap();
    assert!((19.0..21.0).contains(&p95), "{p95}");
    assert_eq!(release.covered_seconds, 300.0);
    let json = serde_json::to_value(release).unwrap();
    assert_eq!(
        (&json["version"], &json["requests"]),
        (&json!("1.0"), &json!(20))
    );
    assert_eq!(json["until"], json!(null));
}

#[test]
fn a_deployment_after_the_clock_was_set_back_is_no_interval_that_ends_before_it_begins() {
    let mut future = mark("2.0", 0);
    future.at = seconds(NOW + HOUR);
    let ordered = |from, to| {
        assert!(from <= to);
        Sums::default()
    };
    assert_eq!(
        releases(std::slice::from_ref(&future), ordered)[0]
            .traffic
            .requests,
        0
    );
    let deployments = deployments(&[mark("1.0", 60), future], ordered);
    assert_eq!((deployments.per_day, deployments.judged), (1, 0));
}

#[test]
fn a_deployment_is_followed_by_more_errors_if_chance_does_not_explain_them() {
    for (before, after, more) in [
        ((10, 0), (10, 10), Some(true)),
        ((9, 0), (10, 10), None),
        ((10, 0), (9, 9), None),
        // One failure more is chance, and so is the same share of more requests.
        ((20, 0), (20, 1), Some(false)),
        ((100, 5), (400, 20), Some(false)),
        ((400, 4), (400, 14), Some(true)),
        ((400, 4), (400, 8), Some(false)),
        ((100, 50), (100, 0), Some(false)),
        ((50, 50), (50, 50), Some(false)),
        ((50, 0), (50, 0), Some(false)),
    ] {
        let between = |from: u64, _| {
            let (all, failed) = if from < NOW - HOUR { before } else { after };
            requests(all, failed)
        };
        let deployments = deployments(&[mark("1.0", HOUR)], between);
        let one = &deployments.deployments[0];
        assert_eq!(one.more_errors, more, "{before:?} {after:?}");
        let judged = u64::from(more.is_some());
        let worse = u64::from(more == Some(true));
        assert_eq!(deployments.judged, judged);
        assert_eq!(deployments.followed_by_more_errors, worse);
        let success_rate = more.map(|more| if more { 0.0 } else { 1.0 });
        assert_eq!(deployments.success_rate, success_rate);
    }
}

#[test]
fn half_an_hour_before_is_compared_with_half_an_hour_after_and_no_other_deployment() {
    let asked = RefCell::new(Vec::new());
    let marks = [
        mark("1.0", 5 * HOUR),
        mark("1.1", 2 * HOUR),
        mark("1.2", 2 * HOUR - 600),
        mark("1.3", 60),
    ];
    let deployments = deployments(&marks, |from, to| {
        asked.borrow_mut().push((NOW - from, NOW.checked_sub(to)));
        Sums::default()
    });
    let half = HOUR / 2;
    let expected = [
        (5 * HOUR + half, Some(5 * HOUR)),
        (5 * HOUR, Some(5 * HOUR - half)),
        (2 * HOUR + half, Some(2 * HOUR)),
        (2 * HOUR, Some(2 * HOUR - 600)),
        (2 * HOUR, Some(2 * HOUR - 600)),
        (2 * HOUR - 600, Some(2 * HOUR - 600 - half)),
        (60 + half, Some(60)),
        (60, None),
    ];
    assert_eq!(*asked.borrow(), expected);
    let newest = &deployments.deployments[0];
    assert_eq!((&*newest.version, newest.error_rate_before), ("1.3", None));
    assert_eq!((newest.error_rate_after, newest.more_errors), (None, None));
    assert_eq!(
        (&*newest.environment, &*newest.by, &*newest.changes),
        ("production", "ci", "faster search")
    );
}

#[test]
fn the_frequency_is_that_of_the_last_day() {
    let marks = [1, 23, 24, 25, 100].map(|hours| mark("1.0", hours * HOUR));
    let nothing = |_, _| Sums::default();
    assert_eq!(deployments(&marks, nothing).per_day, 3);
    let none = deployments(&[], nothing);
    assert_eq!((none.per_day, none.success_rate), (0, None));
}

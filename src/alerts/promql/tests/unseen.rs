//! How rules are told over what has no series yet.

use super::{cases::HOUR, *};

fn breach(rule: &Rule) -> String {
    texts(rule, &Settings::new()).1
}

#[test]
fn a_job_without_a_success_is_overdue_where_requests_were_counted_for_as_long() {
    let rule = |hours: u64| presets::job_overdue("rollup", HOUR * u32::try_from(hours).unwrap());
    for (hours, range, threshold) in [
        (1, "24h", 3_600),
        (24, "24h", 86_400),
        (168, "168h", 604_800),
    ] {
        let of_job =
            format!(r#"(job_last_success_timestamp_seconds{{exported_job="rollup"}}[{range}])"#);
        let by = "max by (exported_job)";
        assert_eq!(
            breach(&rule(hours)),
            format!(
                "time() - {by} (max_over_time{of_job}) > {threshold} or {threshold} * {by} (absent_over_time{of_job}) and on () sum(http_requests_started_total offset {hours}h)"
            )
        );
    }
    // Of each job, those that ran are known.
    let last = "max by (exported_job) (max_over_time(job_last_success_timestamp_seconds[24h]))";
    let ran = "group by (exported_job) (last_over_time(job_runs_total[24h]))";
    let each = above(Signal::job_age(), 60.0);
    assert_eq!(
        breach(&each),
        format!(
            "time() - {last} > 60 or 60 * ({ran} unless {last}) and on () sum(http_requests_started_total offset 1m)"
        )
    );
    // A job without a success is not young, and no time is longer than a Prometheus can say.
    assert_eq!(breach(&each.below(60.0)), format!("time() - {last} < 60"));
    let longest = breach(&above(Signal::job_age(), f64::MAX));
    assert!(longest.contains("offset 876000h"), "{longest}");
}

#[test]
fn no_circuit_breaker_is_no_open_one() {
    let rule = |signal: Signal| Rule::new("a", signal);
    let open = "circuit_breaker_open_count";
    assert_eq!(
        breach(&rule(Signal::circuit_breaker_open_count()).above(0.0)),
        format!("{open} > 0")
    );
    assert_eq!(
        breach(&rule(Signal::circuit_breaker_open_count()).below(1.0)),
        format!("({open} or 0 * http_requests_started_total) < 1")
    );
}

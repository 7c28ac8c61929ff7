//! Which alerts over rates, gauges, work and new errors fire in Prometheus, at and around thresholds.

use super::{
    cases::{Case, HOUR, SOON, judge},
    shares::requests,
    *,
};

#[test]
#[ignore = "needs promtool; .ci/run installs it"]
fn rates_and_spikes_fire_above_their_thresholds() {
    let failed = requests(500);
    let started = "http_requests_started_total";
    let rate = |name, count| {
        Case::new(name, above(Signal::errors_per_minute(), 10.0)).lately(&failed, count)
    };
    let named = |name, count| {
        let signal = Signal::errors_per_minute().category(ErrorCategory::Database);
        Case::new(name, above(signal, 1.0))
            .settings(otel())
            .is("http_requests_started_total", 9.0)
            .lately(
                r#"errors_total{category="database",http_route="/a"}"#,
                count,
            )
    };
    let spike = |name, before, now| {
        Case::new(name, presets::error_spike())
            .at(MINUTE * 20)
            .is("http_requests_started_total", 9.0)
            .grew(&failed, &[(MINUTE * 7, before), (MINUTE * 2, now)])
    };
    let quiet = |name, count| {
        let rule = Rule::new("a", Signal::requests_per_second()).below(0.1);
        Case::new(name, rule)
            .is("http_requests_started_total", 9.0)
            .lately(&requests(200), count)
    };
    judge(
        "rates",
        &[
            rate("equal", 50).shows("{}", 10.0),
            rate("above", 51).shows("{}", 10.2).fires(""),
            named("database_equal", 5).shows("{}", 1.0),
            named("database_above", 6).fires(""),
            named("database_none", 0)
                .only(&[("http_requests_started_total", "9x40")])
                .shows("{}", 0.0),
            spike("as_before", 20, 20).shows("{}", 0.0),
            spike("twice", 20, 40).shows("{}", 100.0),
            spike("more_than_twice", 20, 41).fires(""),
            spike("nineteen", 0, 19).shows("{}", 1_800.0),
            spike("twenty", 0, 20).fires(""),
            spike("observed_for_ten_minutes", 0, 20)
                .only(&[(started, "_x40 9x40"), (&failed, "_x40 0x30 20x10")])
                .fires(""),
            // Six minutes are no window of five, and nine tenths of another one.
            spike("observed_for_six_minutes", 0, 20)
                .only(&[(started, "_x56 9x24"), (&failed, "_x56 0x14 20x10")]),
            quiet("not_quiet", 30).shows("{}", 0.1),
            quiet("quiet", 29).fires(""),
            quiet("silent", 0)
                .only(&[("http_requests_started_total", "9x40")])
                .fires(""),
        ],
    );
}

#[test]
#[ignore = "needs promtool; .ci/run installs it"]
fn what_is_now_fires_for_each_thing() {
    let memory = |name, percent| {
        let rule = above(Signal::memory_usage_percent(), 80.0);
        Case::new(name, rule)
            .is(r#"memory_usage_percent{instance="a"}"#, percent)
            .is(r#"memory_usage_percent{instance="b"}"#, 5.0)
    };
    let check = |name, status| {
        Case::new(name, presets::health_check_failed())
            .is(r#"health_check_status{check="db"}"#, status)
    };
    let pool = |name, in_use| {
        Case::new(name, presets::pool_usage())
            .is(r#"db_connection_pool_in_use{pool="main"}"#, in_use)
            .is(r#"db_connection_pool_max{pool="main"}"#, 10.0)
    };
    // The clock of promtool begins at 0.
    let certificate = |name, seconds| {
        let expiry = r#"tls_certificate_expiry_timestamp_seconds{host="a.example"}"#;
        Case::new(name, presets::certificate_expires())
            .is(expiry, SOON.as_secs_f64() + 30.0 * 86_400.0 + seconds)
    };
    let lag = |name, seconds| {
        Case::new(name, presets::runtime_lag()).is("tokio_scheduling_lag_seconds", seconds)
    };
    let hits = |name, ratio| {
        Case::new(name, presets::cache_hits())
            .is(r#"redis_keyspace_hit_ratio{name="cache"}"#, ratio)
    };
    judge(
        "gauges",
        &[
            memory("memory_equal", 80.0),
            memory("memory_above", 80.5).fires("instance: a"),
            check("degraded", 0.5).shows(r#"{check="db"}"#, 0.0),
            check("unhealthy", 0.0)
                .shows(r#"{check="db"}"#, 1.0)
                .fires("check: db"),
            pool("pool_equal", 8.0).shows(r#"{pool="main"}"#, 80.0),
            pool("pool_above", 9.0).fires("pool: main"),
            certificate("thirty_days", 0.0).shows(r#"{host="a.example"}"#, 30.0),
            certificate("less", -1.0).fires("host: a.example"),
            lag("lag_equal", 1.0).shows("{}", 1_000.0),
            lag("lag_above", 1.001).fires(""),
            hits("hits_equal", 0.7),
            hits("hits_below", 0.69).fires("name: cache"),
        ],
    );
}

#[test]
#[ignore = "needs promtool; .ci/run installs it"]
fn a_job_is_overdue_over_all_processes_and_without_a_success() {
    let started = "http_requests_started_total";
    let success = |instance: &str| {
        format!(
            r#"job_last_success_timestamp_seconds{{exported_job="rollup",job="web",instance="{instance}"}}"#
        )
    };
    let overdue = |name| Case::new(name, presets::job_overdue("rollup", MINUTE));
    let each = |name| Case::new(name, above(Signal::job_age(), 60.0));
    let ran = r#"job_runs_total{exported_job="mail",outcome="error",job="web",instance="a"}"#;
    let rollup = "exported_job: rollup";
    judge(
        "job_age",
        &[
            // The clock of promtool begins at 0, and it is 600.
            overdue("in_time")
                .is(&success("a"), 540.0)
                .shows(r#"{exported_job="rollup"}"#, 60.0),
            overdue("overdue").is(&success("a"), 539.0).fires(rollup),
            // One process ran it long ago, and another one lately.
            overdue("one_is_stale")
                .is(&success("a"), 10.0)
                .is(&success("b"), 560.0)
                .shows(r#"{exported_job="rollup"}"#, 40.0),
            overdue("both_are_stale")
                .is(&success("a"), 10.0)
                .is(&success("b"), 539.0)
                .fires(rollup),
            overdue("never").is(started, 9.0).fires(rollup),
            overdue("never_and_known_for_less").only(&[(started, "_x37 9x3")]),
            overdue("never_and_known_for_long_enough")
                .only(&[(started, "_x36 9x4")])
                .fires(rollup),
            overdue("nothing_is_scraped").only(&[]),
            // Since it was started again, nobody has seen it succeed.
            overdue("of_an_earlier_process")
                .only(&[(started, "9x40"), (&success("a"), "100x10")])
                .fires(rollup),
            overdue("of_an_earlier_process_in_time")
                .only(&[(started, "9x40"), (&success("a"), "545x10")]),
            overdue("another_job")
                .is(started, 9.0)
                .is(
                    r#"job_last_success_timestamp_seconds{exported_job="mail"}"#,
                    590.0,
                )
                .fires(rollup),
            each("each_that_fails")
                .is(started, 9.0)
                .is(ran, 1.0)
                .fires("exported_job: mail"),
            each("each_that_succeeded")
                .is(started, 9.0)
                .is(ran, 1.0)
                .is(
                    r#"job_last_success_timestamp_seconds{exported_job="mail"}"#,
                    550.0,
                ),
            each("each_without_a_run").is(started, 9.0),
        ],
    );
}

#[test]
#[ignore = "needs promtool; .ci/run installs it"]
fn calls_jobs_queries_and_counters_of_the_application_fire() {
    let calls = |name, failed| {
        let of = |service, outcome| {
            format!(r#"external_calls_total{{service="{service}",outcome="{outcome}"}}"#)
        };
        Case::new(name, presets::external_errors())
            .lately(&of("groq", "success"), 80)
            .lately(&of("groq", "timeout"), failed)
            .lately(&of("groq", "cancelled"), 0)
            .lately(&of("other", "success"), 500)
            .lately(&of("other", "error"), 0)
    };
    let job = |name, outcome| {
        let runs = format!(r#"job_runs_total{{job="web",exported_job="a",outcome="{outcome}"}}"#);
        Case::new(name, presets::job_failed()).lately(&runs, 1)
    };
    let queries = |name, slow: u64| {
        let of = |end: &str, edge: &str| {
            format!(r#"db_query_duration_seconds_{end}{{operation="SELECT",table="a"{edge}}}"#)
        };
        Case::new(name, presets::slow_queries())
            .lately(&of("count", ""), 100)
            .lately(&of("bucket", r#",le="1.0""#), 100 - slow)
    };
    let payments = |name, failed| {
        let of = |status| format!(r#"payments_processed_total{{status="{status}"}}"#);
        Case::new(name, presets::payment_failures())
            .at(MINUTE * 30)
            .lately(&of("done"), 90)
            .lately(&of("failed"), failed)
    };
    judge(
        "work",
        &[
            calls("calls_equal", 20),
            calls("calls_above", 21).fires("service: groq"),
            job("job_done", "success"),
            job("job_left", "cancelled"),
            job("job_panicked", "panicked").fires("exported_job: a"),
            queries("ten_are_slow", 10).shows("{}", 10.0),
            queries("eleven_are_slow", 11).fires(""),
            payments("payments_sound", 0)
                .only(&[(r#"payments_processed_total{status="done"}"#, "0+1x120")])
                .shows("{}", 0.0),
            payments("payments_equal", 10).shows("{}", 10.0),
            payments("payments_above", 11).fires(""),
        ],
    );
}

#[test]
#[ignore = "needs promtool; .ci/run installs it"]
fn a_new_kind_of_error_fires_and_one_of_this_day_does_not() {
    let errors = |category, endpoint| {
        format!(r#"errors_total{{category="{category}",endpoint="{endpoint}"}}"#)
    };
    let case = |name| {
        Case::new(name, above(Signal::new_errors(), 0.0))
            .at(HOUR * 30)
            .is("http_requests_started_total", 9.0)
            .is(&errors("server_error", "/a"), 0.0)
    };
    let database = errors("database", "/a");
    let excluded = errors("server_error", "excluded");
    judge(
        "new",
        &[
            case("nothing").shows("{}", 0.0),
            case("first")
                .born(&database, MINUTE * 2, 1)
                .shows("{}", 1.0)
                .fires(""),
            case("grown")
                .lately(&errors("server_error", "/b"), 1)
                .shows("{}", 1.0)
                .fires(""),
            case("since_ten_hours").born(&database, HOUR * 10, 1),
            case("again_after_ten_hours").grew(&database, &[(HOUR * 10, 1), (MINUTE * 2, 1)]),
            case("again_after_a_day")
                .grew(&database, &[(HOUR * 28, 1), (MINUTE * 2, 1)])
                .fires(""),
            // It began, and a later process has none of it.
            case("of_an_earlier_process")
                .only(&[
                    ("http_requests_started_total", "9x7200"),
                    // Five hours, a gap of twenty, and again two minutes before the end.
                    (&database, "_x3600 1x1200 _x2392 1x8"),
                ])
                .shows("{}", 0.0),
            case("excluded").lately(&excluded, 5),
            case("known_for_less_than_an_hour").only(&[
                ("http_requests_started_total", "_x7000 9x200"),
                (&database, "_x7192 1x8"),
            ]),
        ],
    );
}

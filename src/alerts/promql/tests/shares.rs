//! Which alerts over shares and times of requests fire in Prometheus, at and around thresholds.

use super::{
    cases::{Case, HOUR, STEP, judge},
    *,
};
use crate::alerts::few::{Counts, ShareRule, Stretches};

pub(super) fn requests(status: u16) -> String {
    format!(r#"http_requests_total{{method="GET",endpoint="/a",status="{status}"}}"#)
}

fn error_rate() -> Rule {
    above(Signal::error_rate_percent(), 5.0)
}

#[test]
#[ignore = "needs promtool; .ci/run installs it"]
fn an_error_rate_fires_above_its_threshold_with_enough_requests() {
    let [sound, failed] = [200, 500].map(requests);
    let case = |name, of_200, of_500| {
        Case::new(name, error_rate())
            .lately(&sound, of_200)
            .lately(&failed, of_500)
    };
    let otel = |name, cancelled| {
        let of = |status| {
            format!(
                r#"http_server_request_duration_seconds_count{{http_request_method="GET",http_route="/a",http_response_status_code="{status}"}}"#
            )
        };
        Case::new(name, error_rate())
            .settings(otel())
            .lately(&of(200), 360)
            .lately(&of(503), 20)
            .lately(
                r#"http_request_outcomes_total{outcome="cancelled"}"#,
                cancelled,
            )
    };
    let database = |name, count| {
        let signal = Signal::error_rate_percent().category(ErrorCategory::Database);
        Case::new(name, above(signal, 5.0).endpoint("/a"))
            .lately(&sound, 100)
            .lately(r#"errors_total{category="database",endpoint="/a"}"#, count)
            .lately(r#"errors_total{category="database",endpoint="/b"}"#, 90)
    };
    let region = |name, count| {
        let of = |region, status| {
            let labels = format!(r#"method="GET",endpoint="/a",status="{status}""#);
            format!(r#"shop_http_requests_total{{{labels},region="{region}"}}"#)
        };
        Case::new(name, error_rate())
            .settings(Settings::new().prefix("shop_").label("region", "eu"))
            .lately(&of("us", 500), 100)
            .lately(&of("eu", 200), 100)
            .lately(&of("eu", 500), count)
    };
    judge(
        "error-rate",
        &[
            case("equal", 380, 20).shows("{}", 5.0),
            case("above", 379, 21).shows("{}", 5.25).fires(""),
            // 4.6 has no exact number: 69 of 1500 are still not above.
            case("inexact", 1_431, 69).of(above(Signal::error_rate_percent(), 4.6)),
            case("nineteen", 0, 19).shows("{}", 100.0),
            case("twenty", 0, 20).fires(""),
            case("none", 400, 0).shows("{}", 0.0),
            otel("otel_equal", 20).shows("{}", 5.0),
            otel("otel_above", 19).fires(""),
            database("database_equal", 5).shows("{}", 5.0),
            database("database_above", 6).fires(""),
            region("region_equal", 5),
            region("region_above", 6).fires(""),
            case("not_below", 380, 20).of(Rule::new("a", Signal::error_rate_percent()).below(5.0)),
            case("below", 381, 19)
                .of(Rule::new("a", Signal::error_rate_percent()).below(5.0))
                .fires(""),
        ],
    );
}

#[test]
#[ignore = "needs promtool; .ci/run installs it"]
fn few_requests_are_judged_over_longer_times() {
    let [sound, failed] = [200, 500].map(requests);
    let ago = |minutes: u32, count| (MINUTE * minutes, count);
    let case = |name, hours, sound_ones: &[(Duration, u64)], failures: &[(Duration, u64)]| {
        Case::new(name, error_rate())
            .at(HOUR * hours)
            .grew(&sound, sound_ones)
            .grew(&failed, failures)
    };
    // Of an hour: one failed in the window, and two in 15 minutes.
    let hour = |name, failures: &[_]| case(name, 2, &[ago(50, 20), ago(4, 10)], failures);
    // Of six hours: one failed in 15 minutes, and two in an hour.
    let six = |name, failures: &[_]| case(name, 7, &[ago(300, 20), ago(40, 10)], failures);
    judge(
        "few",
        &[
            case("one_of_one", 7, &[], &[ago(2, 1)]),
            hour("two_lately", &[ago(10, 1), ago(2, 1)]).fires(""),
            hour("not_in_the_window", &[ago(10, 1), ago(8, 1)]),
            hour("one_in_a_quarter", &[ago(30, 5), ago(2, 1)]),
            case(
                "share_of_an_hour",
                2,
                &[ago(50, 38)],
                &[ago(10, 1), ago(2, 1)],
            ),
            case(
                "above_of_an_hour",
                2,
                &[ago(50, 37)],
                &[ago(10, 1), ago(2, 1)],
            )
            .fires(""),
            // What has enough requests in the window is judged by the window.
            case(
                "enough",
                2,
                &[ago(4, 38)],
                &[ago(30, 20), ago(2, 1), ago(3, 1)],
            ),
            six("two_in_an_hour", &[ago(40, 1), ago(10, 1)]).fires(""),
            six("not_in_a_quarter", &[ago(40, 1), ago(20, 1)]),
            six("one_in_an_hour", &[ago(200, 5), ago(10, 1)]),
            // What has enough requests in an hour is judged by the hour.
            case(
                "enough_in_an_hour",
                7,
                &[ago(40, 38)],
                &[ago(200, 20), ago(40, 1), ago(10, 1)],
            ),
        ],
    );
}

#[test]
#[ignore = "needs promtool; .ci/run installs it"]
fn random_histories_get_the_verdict_of_the_process() {
    let [sound, failed] = [200, 500].map(requests);
    let mut broken = 0;
    let rules = [
        (5, 20, 5),
        (50, 3, 5),
        (10, 10, 60),
        (30, 5, 30),
        (20, 1, 7),
    ];
    for (index, (threshold, at_least, minutes)) in rules.into_iter().enumerate() {
        let threshold = f64::from(threshold);
        let window = MINUTE * minutes;
        let process = ShareRule {
            threshold,
            at_least,
            window,
        };
        let cases = (0..60).map(|seed| {
            fastrand::seed(seed);
            let rare = fastrand::u8(1..6);
            let latest = fastrand::choice([20, 60, 240, 1_600]).unwrap();
            // How many steps ago they ended, and whether they failed.
            let requests: Vec<_> = (0..fastrand::usize(0..60))
                .map(|_| (STEP * fastrand::u32(1..=latest), fastrand::u8(0..rare) == 0))
                .collect();
            let judged = process.judge(&Stretches::new(SLOT), |time| {
                let within = requests.iter().filter(|(ago, _)| *ago <= time);
                Counts {
                    requests: within.clone().count() as u64,
                    failures: within.filter(|(_, failed)| *failed).count() as u64,
                }
            });
            let of = |wanted: bool| {
                let some = requests.iter().filter(|(_, failed)| *failed == wanted);
                some.map(|(ago, _)| (*ago, 1)).collect::<Vec<_>>()
            };
            let rule = above(Signal::error_rate_percent(), threshold);
            let rule = rule.at_least(at_least).window(window);
            let case = Case::new(&format!("seed_{seed}"), rule)
                .alert("few")
                .at(HOUR * 7)
                .grew(&sound, &of(false))
                .grew(&failed, &of(true));
            broken += usize::from(judged.is_broken);
            match judged.is_broken {
                true => case.fires(""),
                false => case,
            }
        });
        judge(&format!("random-{index}"), &cases.collect::<Vec<_>>());
    }
    assert!((50..250).contains(&broken), "{broken} of 300");
}

#[test]
#[ignore = "needs promtool; .ci/run installs it"]
fn a_latency_fires_where_more_than_five_percent_are_above_the_edge() {
    let case = |name, le, all, upto| {
        let labels = r#"method="GET",endpoint="/a""#;
        let bucket = |le| format!(r#"http_request_duration_seconds_bucket{{{labels},le="{le}"}}"#);
        let count = format!("http_request_duration_seconds_count{{{labels}}}");
        Case::new(name, above(Signal::p95_ms(), 2_000.0))
            .lately(&bucket(le), upto)
            .lately(&bucket("4.0"), all)
            .lately(&bucket("+Inf"), all)
            .lately(&count, all)
    };
    let each = above(Signal::p95_ms(), 2_000.0).each_endpoint();
    let below = || Rule::new("a", Signal::p95_ms()).below(2_000.0);
    judge(
        "latency",
        &[
            // In the half of the bucket from 2 to 4 seconds.
            case("half", "2.0", 100, 90).shows("{}", 3_000.0).fires(""),
            case("equal", "2.0", 100, 95).shows("{}", 2_000.0),
            case("above", "2.0", 100, 94).fires(""),
            case("text_equal", "2", 100, 95),
            case("text_above", "2", 100, 94).fires(""),
            // 5 % of 140 is 7, which has no exact number as 0.05 * 140.
            case("seven", "2.0", 140, 133),
            case("eight", "2.0", 140, 132).fires(""),
            case("nineteen", "2.0", 19, 0),
            case("twenty", "2.0", 20, 18).fires(""),
            case("each", "2.0", 100, 94)
                .of(each)
                .fires("method: GET, endpoint: /a"),
            case("not_below", "2.0", 100, 94).of(below()),
            case("below", "2.0", 100, 95).of(below()).fires(""),
        ],
    );
}

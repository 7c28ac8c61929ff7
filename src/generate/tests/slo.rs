//! What the rules of objectives are, and when their alerts fire.

use super::{tools::Files, *};
use crate::generate::Slo;

const OK: &str = r#"http_requests_total{method="GET",endpoint="/a",status="200"}"#;
const FAILED: &str = r#"http_requests_total{method="GET",endpoint="/a",status="500"}"#;

fn shop(slo: Slo) -> Generated {
    let generated = Generated::new(Alerts::none(), &Settings::new()).unwrap();
    generated.service("shop").slo(slo).unwrap()
}

#[test]
fn an_objective_has_four_tiers_of_the_workbook_or_fewer() {
    let text = shop(Slo::new(99.9)).slo_rules();
    for (long, limit, short, seconds) in [
        ("1h", "1.44", "5m", 3_600),
        ("6h", "0.6", "30m", 21_600),
        ("24h", "0.3", "2h", 86_400),
        ("72h", "0.1", "6h", 259_200),
    ] {
        let only = r#"{slo="all",service="shop"}"#;
        let expr = format!(
            "slo:errors_percent:{long}{only} > {limit} and slo:errors_percent:{short}{only} > {limit} and {seconds} * slo:requests_per_second:{long}{only} > 19.5"
        );
        assert!(text.replace("\\\"", "\"").contains(&expr), "{expr}\n{text}");
    }
    assert!(
        text.contains("record: slo:budget_left_percent:30d"),
        "{text}"
    );
    let text = shop(Slo::new(99.9).tiers(1)).slo_rules();
    assert_eq!(text.matches("alert: SloBudgetBurns").count(), 1, "{text}");
    assert!(!text.contains("6h"), "{text}");
}

#[test]
fn without_an_objective_it_is_99_9_per_cent_of_all() {
    let generated = Generated::new(Alerts::none(), &Settings::new()).unwrap();
    let generated = generated.service("shop");
    assert_eq!(generated.slo_rules(), shop(Slo::new(99.9)).slo_rules());
    assert!(!generated.rules().contains("slo"));
}

#[test]
fn an_objective_that_cannot_be_missed_or_reached_is_refused() {
    let generated = || Generated::new(Alerts::none(), &Settings::new()).unwrap();
    let refused = |slo| generated().slo(slo).unwrap_err().to_string();
    let reason = "expected a per cent above 0 and below 100";
    for (objective, shown) in [(100.0, "100"), (0.0, "0"), (f64::NAN, "NaN"), (-1.0, "-1")] {
        let expected = format!("slo.objective: invalid value \"{shown}\": {reason}");
        assert_eq!(refused(Slo::new(objective)), expected);
    }
    assert_eq!(
        refused(Slo::new(99.0).tiers(5)),
        "slo.tiers: invalid value \"5\": expected 1 to 4"
    );
    assert!(refused(Slo::new(99.0).method("GET")).contains("method"));
    let twice = generated().slo(Slo::new(99.0)).unwrap().slo(Slo::new(98.0));
    assert_eq!(
        twice.unwrap_err().to_string(),
        "slo: invalid value \"all\": another objective is for the same requests, or has the same name"
    );
    // What is recorded of two could not be told apart.
    for [one, other] in [["/a{{b", "/a{ {b"], ["all", ""]] {
        let of = |route: &str| match route {
            "" => Slo::new(99.0),
            route => Slo::new(99.0).endpoint(route),
        };
        let both = generated().slo(of(one)).unwrap().slo(of(other));
        assert!(both.unwrap_err().to_string().ends_with("same name"));
    }
}

/// Objectives for routes of which one is that of another one and a word.
fn beside_each_other(settings: &Settings) -> Generated {
    let routes = ["/orders", "/orders/budget", "/orders/budget/budget"];
    let all = routes
        .into_iter()
        .map(|route| Slo::new(99.0).endpoint(route));
    let generated = Generated::new(Alerts::none(), settings).unwrap();
    let generated = generated.service("shop").slo(Slo::new(99.0)).unwrap();
    all.fold(generated, |generated, slo| generated.slo(slo).unwrap())
}

#[test]
fn each_group_of_objectives_has_a_name_of_its_own() {
    let text = beside_each_other(&Settings::new()).slo_rules();
    let names = text
        .lines()
        .filter_map(|line| line.trim().strip_prefix("- name: "));
    let mut names: Vec<_> = names.collect();
    names.sort_unstable();
    assert_eq!(
        names,
        [
            "shop/slo//orders",
            "shop/slo//orders/budget",
            "shop/slo//orders/budget/budget",
            "shop/slo/all",
            "shop/slo_budget//orders",
            "shop/slo_budget//orders/budget",
            "shop/slo_budget//orders/budget/budget",
            "shop/slo_budget/all",
        ]
    );
}

#[test]
#[ignore = "needs promtool; .ci/run installs it"]
fn promtool_takes_objectives_of_routes_beside_each_other() {
    let files = Files::new("slo-beside");
    let text = beside_each_other(&Settings::new()).slo_rules();
    files.write("rules.yml", &text);
    let said = files.run("promtool", &["check", "rules", "--lint-fatal", "rules.yml"]);
    assert!(said.is_ok(), "{}\n{text}", said.unwrap_err());
}

#[test]
#[ignore = "needs promtool; .ci/run installs it"]
fn promtool_takes_the_rules_of_objectives() {
    for (index, settings) in all_settings().iter().enumerate() {
        let files = Files::new(&format!("slo-check-{index}"));
        let odd = Slo::new(99.5).endpoint(AWKWARD).method("POST");
        let generated = generated(settings).slo(Slo::new(99.9)).unwrap();
        let text = generated.slo(odd).unwrap().slo_rules();
        files.write("rules.yml", &text);
        let said = files.run("promtool", &["check", "rules", "--lint-fatal", "rules.yml"]);
        assert!(said.is_ok(), "{}\n{text}", said.unwrap_err());
        assert_eq!(text.matches("alert: SloBudgetBurns").count(), 8, "{text}");
    }
}

/// A test of promtool over one objective of 99.9 %: the failures among 10,000 requests of a step, and the tiers that fire after
/// an hour and a half.
fn case(name: &str, ok: &str, failed: &str, fires: &[&str]) -> String {
    let expected: String = ["1", "2", "3", "4"]
        .into_iter()
        .map(|tier| {
            let value = u8::from(fires.contains(&tier));
            let alert = "alertname=\"SloBudgetBurns\",alertstate=\"firing\"";
            format!(
                "  - {{expr: 'count(ALERTS{{{alert},slo_tier=\"{tier}\"}}) or vector(0)', eval_time: 90m, exp_samples: [{{labels: '{{}}', value: {value}}}]}}\n"
            )
        })
        .collect();
    format!(
        "- name: {name}\n  interval: 1m\n  input_series:\n  - {{series: '{OK}', values: '{ok}'}}\n  - {{series: '{FAILED}', values: '{failed}'}}\n  promql_expr_test:\n{expected}"
    )
}

#[test]
#[ignore = "needs promtool; .ci/run installs it"]
fn tiers_fire_where_a_budget_burns_and_there_is_traffic() {
    let files = Files::new("slo-test");
    files.write("rules.yml", &shop(Slo::new(99.9)).slo_rules());
    let steady = |failed: u32| {
        let ok = 10_000 - failed;
        (format!("0+{ok}x120"), format!("0+{failed}x120"))
    };
    let mut tests = String::new();
    for (name, failed, fires) in [
        ("none", 0, &[][..]),
        ("as_the_budget_allows", 10, &[]),
        ("more_than_the_budget", 11, &["4"]),
        ("three_times", 30, &["4"]),
        ("more_than_three_times", 31, &["3", "4"]),
        ("more_than_six_times", 61, &["2", "3", "4"]),
        ("at_fourteen_times", 144, &["2", "3", "4"]),
        ("more_than_fourteen_times", 145, &["1", "2", "3", "4"]),
    ] {
        let (ok, bad) = steady(failed);
        tests += &case(name, &ok, &bad, fires);
    }
    // Nineteen requests failed, and no other one came.
    tests += &case("few", "0x120", "0x87 19x33", &[]);
    tests += &case("twenty", "0x120", "0x87 20x33", &["1", "2", "3", "4"]);
    // It is over: the shorter window of the first tier has seen nothing of it for more than five minutes.
    tests += &case("over", "0+100x120", "0+100x79 7900x41", &["2", "3", "4"]);
    // It has just begun: the longer windows of the first two tiers have seen too little of it.
    let begun = ("0+10000x85 859000+9000x34", "0x85 1000+1000x34");
    tests += &case("begun", begun.0, begun.1, &["3", "4"]);
    tests += "- name: no_data\n  interval: 1m\n  input_series: []\n  promql_expr_test:\n  - {expr: 'count(ALERTS{alertname=\"SloWithoutData\",alertstate=\"firing\"}) or vector(0)', eval_time: 90m, exp_samples: [{labels: '{}', value: 1}]}\n";
    let head = "rule_files: [rules.yml]\nevaluation_interval: 1m\ntests:\n";
    files.write("tests.yml", &format!("{head}{tests}"));
    let said = files.run("promtool", &["test", "rules", "tests.yml"]);
    assert!(said.is_ok(), "{}", said.unwrap_err());
}

#[test]
#[ignore = "needs promtool; .ci/run installs it"]
fn an_objective_of_an_unknown_endpoint_is_an_alert() {
    let files = Files::new("slo-unknown");
    let known = shop(Slo::new(99.9).endpoint("/a"));
    let both = known.slo(Slo::new(99.9).endpoint("/b")).unwrap();
    files.write("rules.yml", &both.slo_rules());
    let alerts = |route: &str| {
        let alert = "alertname=\"SloWithoutData\",alertstate=\"firing\"";
        format!("count(ALERTS{{{alert},slo=\"{route}\"}}) or vector(0)")
    };
    let expected = |route, time, value| {
        let expr = alerts(route);
        format!(
            "  - {{expr: '{expr}', eval_time: {time}, exp_samples: [{{labels: '{{}}', value: {value}}}]}}\n"
        )
    };
    let tests = format!(
        "rule_files: [rules.yml]\nevaluation_interval: 1m\ntests:\n- interval: 1m\n  input_series:\n  - {{series: '{OK}', values: '0+9x120'}}\n  promql_expr_test:\n{}{}{}",
        expected("/b", "55m", 0),
        expected("/b", "65m", 1),
        expected("/a", "65m", 0),
    );
    files.write("tests.yml", &tests);
    let said = files.run("promtool", &["test", "rules", "tests.yml"]);
    assert!(said.is_ok(), "{}", said.unwrap_err());
}

#[test]
#[ignore = "needs promtool; .ci/run installs it"]
fn promtool_runs_the_generated_tests_of_objectives() {
    for (index, settings) in all_settings().iter().enumerate() {
        let files = Files::new(&format!("slo-tests-{index}"));
        let all = generated(settings).slo(Slo::new(99.95).tiers(2)).unwrap();
        let all = all
            .slo(Slo::new(92.0).endpoint(AWKWARD).method("POST"))
            .unwrap();
        let (rules, tests) = (all.slo_rules(), all.slo_tests());
        files.write("slo.yml", &rules);
        files.write("tests.yml", &tests);
        let said = files.run("promtool", &["test", "rules", "tests.yml"]);
        assert!(said.is_ok(), "{}", said.unwrap_err());
        let named = |says: &str| tests.matches(says).count();
        assert_eq!(named("above 0.72 %, and ends"), 1, "{tests}");
        assert_eq!(named("at 0.72 %"), 1, "{tests}");
        // Two tiers, and three of four.
        assert_eq!(named(", and ends"), 5, "{tests}");
        assert_eq!(named("does not fire tier"), 5, "{tests}");
        assert_eq!(named("with few requests"), 2, "{tests}");
        assert_eq!(named("left of the budget"), 2, "{tests}");
        assert_eq!(named("that there is no data"), 2, "{tests}");
        assert_eq!(named("tier 1 cannot fire"), 1, "{tests}");
    }
}

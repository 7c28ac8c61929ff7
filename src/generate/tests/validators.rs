//! Whether the programs that read it take what is generated.

use super::{tools::Files, *};

#[test]
#[ignore = "needs promtool; .ci/run installs it"]
fn promtool_takes_the_generated_rules() {
    for (index, settings) in all_settings().iter().enumerate() {
        let files = Files::new(&format!("check-{index}"));
        let text = generated(settings).rules();
        files.write("rules.yml", &text);
        let said = files.run("promtool", &["check", "rules", "--lint-fatal", "rules.yml"]);
        let said = said.unwrap_or_else(|said| panic!("{said}\n{text}"));
        let alerts = text.matches("alert: ").count();
        assert!(
            said.contains(&format!("SUCCESS: {alerts} rules found")),
            "{said}"
        );
        assert!(alerts > 30, "{alerts}");
    }
}

#[test]
#[ignore = "needs promtool; .ci/run installs it"]
fn promtool_runs_the_generated_tests() {
    for (index, settings) in all_settings().iter().enumerate() {
        let files = Files::new(&format!("test-{index}"));
        let (rules, tests) = (
            generated(settings).rules(),
            generated(settings).rule_tests(),
        );
        files.write("rules.yml", &rules);
        files.write("tests.yml", &tests);
        let said = files.run("promtool", &["test", "rules", "tests.yml"]);
        assert!(said.is_ok(), "{}", said.unwrap_err());
        let named = |says: &str| tests.matches(says).count();
        assert!(named(", and ends") > 20, "{tests}");
        assert!(named("at the threshold") > 20, "{tests}");
        assert!(named("with few requests") > 5, "{tests}");
        assert!(named("without data") > 20, "{tests}");
        assert!(named("is active above") > 1, "{tests}");
        assert!(named("fires where nothing failed before") > 1, "{tests}");
        assert!(named("for what is known") > 1, "{tests}");
        // Of one job, and of each.
        assert_eq!(
            named("for a job that never succeeded, and ends"),
            2,
            "{tests}"
        );
        assert_eq!(named("where another process ran the job"), 2, "{tests}");
        assert_eq!(named("is one alert of all processes"), 2, "{tests}");
        // Each rule that Prometheus can compute has a test.
        assert_eq!(named("has no test"), 0, "{tests}");
        let names = rules.lines().filter_map(|line| {
            let line = line.trim();
            line.strip_prefix("rule: ")
        });
        for name in names {
            assert!(named(&format!("- name: {name} ")) > 2, "{name}\n{tests}");
        }
    }
}

#[test]
#[ignore = "needs promtool; .ci/run installs it"]
fn a_rule_over_the_age_of_a_job_above_a_day_has_all_tests_but_one() {
    let day = Duration::from_secs(86_400);
    let old = Rule::new("weekly", Signal::job_age()).pending_for(Duration::from_secs(90));
    let old = old.above(day.as_secs_f64() * 7.0);
    let generated = Generated::new(Alerts::none().rule(old), &Settings::new()).unwrap();
    let files = Files::new("weekly");
    let tests = generated.rule_tests();
    files.write("rules.yml", &generated.rules());
    files.write("tests.yml", &tests);
    let said = files.run("promtool", &["test", "rules", "tests.yml"]);
    assert!(said.is_ok(), "{}", said.unwrap_err());
    for (says, number) in [
        ("has no test", 0),
        ("- name: weekly fires above 604800, and ends", 1),
        (
            "- name: weekly does not fire where another process ran the job",
            1,
        ),
        ("- name: weekly is one alert of all processes", 1),
        ("never succeeded", 0),
    ] {
        assert_eq!(tests.matches(says).count(), number, "{says}\n{tests}");
    }
}

#[cfg(feature = "notify")]
#[test]
#[ignore = "needs amtool; .ci/run installs it"]
fn amtool_takes_the_generated_configuration() {
    use crate::{alerts::AlertSeverity, notify::Routes};

    let odd = "o\"d'd{{x}}\\%";
    let routed = Routes::new()
        .severity(AlertSeverity::Critical, ["pagerduty", "slack"])
        .severity(AlertSeverity::Warning, ["slack", odd])
        .severity(AlertSeverity::Info, ["email"])
        .rule("awkward", ["whatsapp"]);
    let names = ["slack", "pagerduty", "email", "whatsapp", "sentry", odd];
    for (index, routes) in [Routes::new(), routed].into_iter().enumerate() {
        let files = Files::new(&format!("amtool-{index}"));
        let generated = generated(&Settings::new()).routes(routes, &names).unwrap();
        let text = generated.alertmanager().unwrap();
        files.write("alertmanager.yml", &text);
        let said = files.run("amtool", &["check-config", "alertmanager.yml"]);
        let said = said.unwrap_or_else(|said| panic!("{said}\n{text}"));
        assert!(said.contains("SUCCESS"), "{said}");
    }
}

#[test]
#[ignore = "needs vmalert of the Debian package victoria-metrics; .ci/run installs it"]
fn vmalert_takes_the_generated_rules() {
    for (index, settings) in all_settings().iter().enumerate() {
        let files = Files::new(&format!("vmalert-{index}"));
        let generated = generated(settings);
        for text in [generated.rules(), generated.slo_rules()] {
            // Debian's is older than this field, which came with 1.92.
            let old = text
                .lines()
                .filter(|line| !line.trim().starts_with("keep_firing_for:"));
            files.write("rules.yml", &old.collect::<Vec<_>>().join("\n"));
            let said = files.run(
                "vmalert",
                &["-dryRun", "-rule=rules.yml", "-rule.validateTemplates"],
            );
            assert!(said.is_ok(), "{}", said.unwrap_err());
        }
    }
}

#[test]
#[ignore = "needs promtool; .ci/run installs it"]
fn the_query_of_a_panel_finds_what_its_rule_names() {
    let route = "/a/$job/[[b]]";
    let rule = Rule::new("few", Signal::requests_per_second())
        .below(5.0)
        .endpoint(route);
    let generated = Generated::new(Alerts::none().rule(rule), &Settings::new()).unwrap();
    let boards = generated.dashboards();
    let boards = boards
        .iter()
        .map(|board| serde_json::from_str::<serde_json::Value>(board.json()).unwrap());
    let panels = boards.flat_map(|board| board["panels"].as_array().unwrap().clone());
    let exprs = panels.filter_map(|panel| {
        let about = panel["description"].as_str()?;
        let expr = panel["targets"][0]["expr"].as_str()?;
        about
            .contains("What the rule judges")
            .then(|| expr.to_owned())
    });
    let exprs: Vec<_> = exprs.collect();
    let [expr] = &exprs[..] else {
        panic!("{exprs:?}");
    };
    let files = Files::new("panel");
    let series = format!(r#"http_requests_total{{method="GET",endpoint="{route}",status="200"}}"#);
    files.write(
        "tests.yml",
        &format!(
            "tests:\n- interval: 15s\n  input_series:\n  - {{series: '{series}', values: '0+30x40'}}\n  promql_expr_test:\n  - {{expr: '{expr}', eval_time: 10m, exp_samples: [{{labels: '{{}}', value: 2}}]}}\n"
        ),
    );
    let said = files.run("promtool", &["test", "rules", "tests.yml"]);
    assert!(said.is_ok(), "{}\n{expr}", said.unwrap_err());
}

//! Which panels change with what the application changes.

use std::time::Duration;

use super::*;
use crate::facts::severity::SeverityBands;

/// The panels that only one of two has, or that differ.
fn changed(before: &Generated, after: &Generated) -> Vec<String> {
    let (before, after) = (panels(before), panels(after));
    // Places and numbers follow from the panels above.
    let same = |one: &Value, other: &Value| {
        let bare = |panel: &Value| {
            let mut panel = panel.clone();
            let fields = panel.as_object_mut().unwrap();
            fields.remove("id");
            fields.remove("gridPos");
            panel
        };
        bare(one) == bare(other)
    };
    let lacks = |all: &[(String, Value)], (title, panel): &(String, Value)| {
        !all.iter()
            .any(|(known, other)| known == title && same(panel, other))
    };
    let gone = before.iter().filter(|panel| lacks(&after, panel));
    let new = after.iter().filter(|panel| lacks(&before, panel));
    let titles: BTreeSet<_> = gone.chain(new).map(|(title, _)| title.clone()).collect();
    titles.into_iter().collect()
}

fn of_rule(rule: Rule) -> Generated {
    Generated::new(Alerts::none().rule(rule), &Settings::new()).unwrap()
}

#[test]
fn two_generations_of_dashboards_are_the_same_bytes() {
    for settings in all_settings() {
        let (first, second) = (
            generated(&settings).dashboards(),
            generated(&settings).dashboards(),
        );
        assert_eq!(first, second);
        for board in first {
            assert!(board.json().ends_with("}\n"), "{}", board.name());
        }
    }
    // The order in which the application records makes no difference.
    let one = |names: [&str; 2]| {
        let generated = Generated::new(Alerts::none(), &Settings::new()).unwrap();
        let metrics = names.into_iter().map(OwnMetric::counter);
        metrics.fold(generated, Generated::metric).dashboards()
    };
    assert_eq!(one(["a", "b"]), one(["b", "a"]));
}

#[test]
fn a_changed_prefix_changes_each_query_of_this_crate_and_no_other() {
    let (plain, prefixed) = (
        generated(&Settings::new()),
        generated(&Settings::new().prefix("shop_")),
    );
    let (plain, prefixed) = (panels(&plain), panels(&prefixed));
    assert_eq!(plain.len(), prefixed.len());
    for ((title, before), (_, after)) in plain.iter().zip(&prefixed) {
        let own = texts(before, "expr").iter().all(|expr| {
            let names = words(expr);
            let spelled = catalog::all().filter_map(|entry| entry.spelling(Names::Prometheus));
            !spelled
                .into_iter()
                .any(|spelling| names.iter().any(|name| name.starts_with(spelling.name)))
        });
        assert_eq!(before == after, own, "{title}");
    }
}

#[test]
fn changed_bands_change_the_panels_of_latencies_alone() {
    let ms = Duration::from_millis;
    let bands = SeverityBands::new(ms(100), ms(500), ms(2_500)).unwrap();
    // An edge that there is anyway, so that buckets stay the same.
    let (usual, other) = (
        generated(&Settings::new()),
        generated(&Settings::new().bands(bands)),
    );
    assert_eq!(
        changed(&usual, &other),
        [
            "deployments: Average response time by release",
            "performance: Latency percentiles (p50, p95, p99)",
            "performance: Slowest endpoints (p95)",
            "system: Response time (p50, p95, p99)",
        ]
    );
    let panel = |generated: &Generated| {
        let panels = panels(generated);
        let found = panels
            .into_iter()
            .find(|(title, _)| title == "system: Response time (p50, p95, p99)");
        found.unwrap().1["fieldConfig"]["defaults"]["thresholds"]["steps"].clone()
    };
    let values: Vec<_> = panel(&other)
        .as_array()
        .unwrap()
        .iter()
        .map(|step| step["value"].clone())
        .collect();
    assert_eq!(values, [Value::Null, 0.1.into(), 0.5.into(), 2.5.into()]);
}

#[test]
fn changed_buckets_change_the_panel_of_slow_queries() {
    let settings = Settings::new().buckets([0.1, 1.5, 10.0]);
    let panels = panels(&Generated::new(Alerts::none(), &settings).unwrap());
    let (_, slow) = panels
        .iter()
        .find(|(title, _)| title.starts_with("performance: Slow queries"))
        .unwrap();
    assert_eq!(slow["title"], "Slow queries (over 1.5 s)");
    assert!(texts(slow, "expr")[0].contains(r#"le=~"1\\.5""#), "{slow}");
}

#[test]
fn a_changed_threshold_changes_the_panels_that_the_rule_judges_alone() {
    let rule = |threshold| Rule::new("busy", Signal::cpu_usage_percent()).above(threshold);
    let (before, after) = (of_rule(rule(80.0)), of_rule(rule(90.0)));
    assert_eq!(changed(&before, &after), ["system: CPU usage"]);
    let rule =
        |threshold| Rule::new("high_error_rate", Signal::error_rate_percent()).above(threshold);
    let (before, after) = (of_rule(rule(5.0)), of_rule(rule(7.5)));
    assert_eq!(
        changed(&before, &after),
        [
            "deployments: Error rate by release",
            "errors: Error rate trend",
            "system: Error rate",
        ]
    );
}

#[test]
fn a_changed_route_of_a_rule_changes_its_panel_alone() {
    let rule = |route| {
        Rule::new("slow_order", Signal::p95_ms())
            .above(500.0)
            .endpoint(route)
    };
    let (before, after) = (of_rule(rule("/orders/{id}")), of_rule(rule("/carts/{id}")));
    assert_eq!(
        changed(&before, &after),
        [
            "performance: slow_order: /carts/{id}",
            "performance: slow_order: /orders/{id}",
        ]
    );
    let panels = panels(&after);
    let (_, panel) = panels
        .iter()
        .find(|(title, _)| title.ends_with("/carts/{id}"))
        .unwrap();
    assert!(
        texts(panel, "expr")[0].contains(r#"endpoint="/carts/{id}""#),
        "{panel}"
    );
    assert_eq!(
        panel["fieldConfig"]["defaults"]["thresholds"]["steps"][1]["value"],
        500.0
    );
}

#[test]
fn a_runbook_is_linked_from_the_panels_that_its_rule_judges() {
    let rule = Rule::new("full", Signal::memory_usage_percent())
        .above(80.0)
        .runbook("https://example.com/full?a=$job");
    let linked: Vec<_> = panels(&of_rule(rule))
        .into_iter()
        .filter(|(_, panel)| panel["links"].is_array())
        .collect();
    let [(title, panel)] = &linked[..] else {
        panic!("{linked:#?}");
    };
    assert_eq!(title, "system: Memory usage");
    assert_eq!(
        panel["links"][0]["url"],
        "https://example.com/full?a=%24job"
    );
    assert_eq!(panel["links"][0]["title"], "Runbook: full");
    let about = panel["description"].as_str().unwrap();
    assert!(
        about.ends_with("Alerts: full (above 80 percent)."),
        "{about}"
    );
}

#[test]
fn thresholds_are_bad_on_the_side_that_a_rule_says() {
    let steps = |rules: Vec<Rule>, title: &str| {
        let generated = Generated::new(Alerts::none().rules(rules), &Settings::new()).unwrap();
        let panels = panels(&generated);
        let (_, panel) = panels.iter().find(|(known, _)| known == title).unwrap();
        let steps = panel["fieldConfig"]["defaults"]["thresholds"]["steps"].clone();
        let steps = steps.as_array().unwrap().iter();
        steps
            .map(|step| {
                (
                    step["color"].as_str().unwrap().to_owned(),
                    step["value"].as_f64(),
                )
            })
            .collect::<Vec<_>>()
    };
    let expected = |steps: &[(&str, Option<f64>)]| {
        let steps = steps
            .iter()
            .map(|(color, value)| ((*color).to_owned(), *value));
        steps.collect::<Vec<_>>()
    };
    // Free space that is low is a disk that is full.
    let disks = vec![presets::disk_space_low(), presets::disk_space_critical()];
    assert_eq!(
        steps(disks, "system: Disk usage"),
        expected(&[("green", None), ("orange", Some(80.0)), ("red", Some(90.0))])
    );
    assert_eq!(
        steps(vec![presets::cache_hits()], "system: Redis: hit rate"),
        expected(&[("orange", None), ("green", Some(70.0))])
    );
    // Of one threshold the worst severity counts, and milliseconds are shown as seconds.
    let lag = |name, severity| {
        let rule = Rule::new(name, Signal::runtime_lag_ms()).above(250.0);
        rule.severity(severity)
    };
    use crate::alerts::AlertSeverity::{Critical, Warning};
    assert_eq!(
        steps(
            vec![lag("a", Warning), lag("b", Critical)],
            "system: Scheduling lag of the runtime"
        ),
        expected(&[("green", None), ("red", Some(0.25))])
    );
}

#[test]
fn what_a_rule_names_is_no_variable_of_a_dashboard() {
    let route = "/a/$job/${job}/[[instance]]/[[[job]]";
    let rules = [
        Rule::new("slow", Signal::p95_ms())
            .above(500.0)
            .endpoint(route)
            .summary("It costs $job, [[instance]]"),
        Rule::new("busy", Signal::gauge("workers_busy", &[("pool", route)])).above(5.0),
        Rule::new(
            "share",
            Signal::share_percent(
                "{{share}} of $job [[instance]]",
                crate::alerts::CounterOf::named("own_failed"),
                crate::alerts::CounterOf::named("own_all"),
            ),
        )
        .above(5.0),
    ];
    let settings = Settings::new().label("region", route);
    let generated = Generated::new(Alerts::none().rules(rules), &settings).unwrap();
    let help = "In $job, [[instance]]";
    let generated = generated.metric(OwnMetric::counter("cents_total").help(help));
    let is_variable = |text: &str, one: &str| {
        let mut after = text.split(one).skip(1);
        after.any(|rest| rest.starts_with(|one: char| one.is_ascii_alphanumeric() || one == '{'))
    };
    let mut seen = 0;
    for (title, panel) in panels(&generated) {
        let about = panel["description"].as_str().unwrap();
        for text in [title.as_str(), about] {
            assert!(
                !is_variable(text, "$") && !is_variable(text, "[["),
                "{text}"
            );
        }
        for legend in texts(&panel, "legendFormat") {
            assert!(
                !is_variable(legend, "$") && !is_variable(legend, "[["),
                "{legend}"
            );
            assert!(!legend.contains("{{share"), "{legend}");
        }
        let of_rule = about.contains("What the rule judges");
        seen += usize::from(of_rule);
        for expr in texts(&panel, "expr") {
            assert!(!expr.contains("[["), "{title}: {expr}");
            assert!(!of_rule || !expr.contains('$'), "{title}: {expr}");
        }
    }
    assert_eq!(seen, 3);
}

#[test]
fn each_series_of_a_rule_over_a_gauge_has_a_legend_of_its_own() {
    let busy = Rule::new("busy", Signal::gauge("workers_busy", &[])).above(5.0);
    let panels = panels(&of_rule(busy));
    let (_, panel) = panels
        .iter()
        .find(|(title, _)| title == "business: busy")
        .unwrap();
    assert_eq!(texts(panel, "expr"), ["workers_busy"]);
    // So Grafana shows the labels that tell them apart.
    assert_eq!(texts(panel, "legendFormat"), ["__auto"]);
}

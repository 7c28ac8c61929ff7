//! What each panel has, and which families have one.

use super::*;
use crate::metrics::catalog::Id;

/// Families without a panel, and why.
const LEFT_OUT: [(Id, &str); 5] = [
    (Id::ProcessCpu, "the same time is in the gauge of per cent"),
    (
        Id::ProcessVirtual,
        "it says nothing about the memory in use",
    ),
    (Id::ProcessVirtualMax, "as above"),
    (
        Id::FleetUp,
        "the console shows the fleet, and a line says when it goes",
    ),
    (Id::FleetWrites, "as above"),
];

#[test]
fn each_panel_has_a_unit_and_says_what_it_shows_and_no_two_share_a_title() {
    for settings in all_settings() {
        let mut titles = BTreeSet::new();
        for (title, panel) in panels(&generated(&settings)) {
            let about = panel["description"].as_str().unwrap();
            assert!(about.len() > 20 && about.ends_with('.'), "{title}: {about}");
            let defaults = &panel["fieldConfig"]["defaults"];
            assert!(!defaults["unit"].as_str().unwrap().is_empty(), "{title}");
            let steps = defaults["thresholds"]["steps"].as_array().unwrap();
            let values: Vec<_> = steps.iter().map(|step| step["value"].as_f64()).collect();
            assert!(
                values[0].is_none() && values.is_sorted(),
                "{title}: {values:?}"
            );
            assert!(titles.insert(title.clone()), "{title}");
        }
        assert!(titles.len() > 80, "{}", titles.len());
    }
}

#[test]
fn panels_are_numbered_in_order_and_do_not_overlap() {
    for (name, board) in boards(&generated(&Settings::new())) {
        let panels = board["panels"].as_array().unwrap();
        let mut cells = BTreeSet::new();
        for (index, panel) in panels.iter().enumerate() {
            assert_eq!(panel["id"], index + 1, "{name}");
            let place = |key: &str| panel["gridPos"][key].as_u64().unwrap();
            assert!(place("x") + place("w") <= 24, "{name}");
            for x in place("x")..place("x") + place("w") {
                for y in place("y")..place("y") + place("h") {
                    assert!(cells.insert((x, y)), "{name}: {}", panel["title"]);
                }
            }
        }
        assert_eq!(board["uid"], format!("vitals-shop-{name}"));
        let letters: Vec<_> = panels
            .iter()
            .filter(|panel| panel["type"] != "row")
            .collect();
        for panel in letters {
            let all = texts(panel, "refId");
            assert_eq!(all, ["A", "B", "C", "D"][..all.len()], "{name}");
        }
    }
}

/// The families of the catalog whose samples an expression has, with the labels that they have in Prometheus.
fn families(settings: &Settings, expr: &str) -> Vec<(Id, Vec<String>)> {
    let words = words(expr);
    let has = |name: &str| {
        let samples = ["", "_bucket", "_sum", "_count"];
        samples
            .iter()
            .any(|end| words.contains(&*format!("{name}{end}")))
    };
    let scraped = |label: &&str| match *label {
        "job" => "exported_job".to_owned(),
        label => label.to_owned(),
    };
    let spelled =
        catalog::all().filter_map(|entry| Some((entry.id, entry.spelling(settings.names)?)));
    spelled
        .filter(|(_, spelling)| has(&settings.naming.name(spelling.name)))
        .map(|(id, spelling)| (id, spelling.labels.iter().map(scraped).collect()))
        .collect()
}

#[test]
fn each_label_of_a_legend_is_one_of_the_family_and_is_kept_by_the_query() {
    for settings in all_settings() {
        let generated = generated(&settings);
        for (title, panel) in panels(&generated) {
            let exprs = texts(&panel, "expr").into_iter();
            for (expr, legend) in exprs.zip(texts(&panel, "legendFormat")) {
                let families = families(&settings, expr);
                for label in labels_of_legend(legend) {
                    let of_target = matches!(label, "job" | "instance");
                    let known = families
                        .iter()
                        .any(|(_, labels)| labels.iter().any(|own| own == label));
                    let is_own = families.is_empty();
                    assert!(of_target || known || is_own, "{title}: {label} of {expr}");
                    let kept = expr.split("by (").skip(1).any(|rest| {
                        let kept = rest.split(')').next().unwrap();
                        kept.split(", ").any(|one| one == label)
                    });
                    assert!(kept, "{title}: {label} is not kept by {expr}");
                }
            }
        }
    }
}

#[test]
fn each_query_is_over_what_the_viewer_chose_and_over_names_that_are_published() {
    for settings in all_settings() {
        let generated = generated(&settings);
        let own: Vec<_> = OWN.iter().map(|name| (*name).to_owned()).collect();
        for (title, panel) in panels(&generated) {
            for expr in texts(&panel, "expr") {
                let families = families(&settings, expr);
                let is_own = own
                    .iter()
                    .any(|name| words(expr).iter().any(|word| word.starts_with(&**name)));
                assert!(!families.is_empty() || is_own, "{title}: {expr}");
                let of_rule = panel["description"]
                    .as_str()
                    .unwrap()
                    .contains("What the rule judges");
                assert!(
                    of_rule || expr.contains(r#"job=~"$job",instance=~"$instance""#),
                    "{title}: {expr}"
                );
                assert!(!expr.contains("= \"\""), "{title}: {expr}");
            }
        }
    }
}

/// The metrics of the application above.
const OWN: [&str; 7] = [
    "orders_created_total",
    "payments_processed_total",
    "payment_processing_duration_seconds",
    "messages_sent",
    "revenue_total",
    "active_conversations",
    "active_workers",
];

#[test]
fn each_family_is_on_a_dashboard_or_left_out_on_purpose() {
    for settings in all_settings() {
        let generated = generated(&settings);
        let panels = panels(&generated);
        let exprs: Vec<_> = panels
            .iter()
            .flat_map(|(_, panel)| texts(panel, "expr"))
            .collect();
        let shown: Vec<_> = exprs
            .iter()
            .flat_map(|expr| families(&settings, expr))
            .map(|(id, _)| id)
            .collect();
        for entry in catalog::all().filter(|entry| entry.spelling(settings.names).is_some()) {
            let left_out = LEFT_OUT.iter().any(|(id, _)| *id == entry.id);
            assert_eq!(shown.contains(&entry.id), !left_out, "{:?}", entry.id);
        }
    }
}

#[test]
fn numbers_of_other_systems_are_those_that_their_exporters_publish() {
    let without = Generated::new(Alerts::none(), &Settings::new()).unwrap();
    let foreign: Vec<_> = panels(&without)
        .into_iter()
        .filter(|(_, panel)| {
            let exprs = texts(panel, "expr");
            exprs
                .iter()
                .any(|expr| families(&Settings::new(), expr).is_empty())
        })
        .collect();
    let [(title, panel)] = &foreign[..] else {
        panic!("{foreign:#?}");
    };
    assert_eq!(title, "system: Active workers");
    let [(exporter, name, _)] = exporters::NAMES;
    assert_eq!(texts(panel, "expr"), [format!("sum({name})")]);
    let about = panel["description"].as_str().unwrap();
    assert!(about.contains(exporter), "{about}");
    assert!(
        panel["fieldConfig"]["defaults"]["noValue"]
            .as_str()
            .unwrap()
            .contains(exporter)
    );
}

#[test]
fn an_application_without_metrics_has_five_dashboards_with_panels() {
    let without = Generated::new(Alerts::none(), &Settings::new()).unwrap();
    let names: Vec<_> = boards(&without).iter().map(|(name, _)| *name).collect();
    assert_eq!(names, DASHBOARDS);
    for (name, board) in boards(&without) {
        assert!(board["panels"].as_array().unwrap().len() > 2, "{name}");
        assert_eq!(board["uid"], format!("vitals-{name}"));
    }
    // What is not recorded is not on a dashboard.
    let json = without.dashboards()[1].json().to_owned();
    assert!(!json.contains("orders_created"), "{json}");
}

#[test]
fn a_dashboard_says_for_how_many_metrics_it_has_no_room() {
    let with = |count: usize| {
        let generated = Generated::new(Alerts::none(), &Settings::new()).unwrap();
        let names = (0..count).map(|n| OwnMetric::gauge(format!("metric_{n:04}")));
        let (_, board) = boards(&names.fold(generated, Generated::metric)).swap_remove(1);
        let panels = board["panels"].as_array().unwrap().len();
        (panels, board["description"].as_str().unwrap().to_owned())
    };
    let ((some, silent), (all, told)) = (with(200), with(1_000));
    assert_eq!(some, all);
    assert!(!silent.contains("no room"), "{silent}");
    assert!(
        told.ends_with(" There is no room for 800 more metrics."),
        "{told}"
    );
    // The command takes a dashboard of a mebibyte at most.
    let generated = Generated::new(Alerts::none(), &Settings::new()).unwrap();
    let long = (0..1_000).map(|n| OwnMetric::histogram(format!("{n:0200}")).labels(["a", "b"]));
    let boards = long.fold(generated, Generated::metric).dashboards();
    assert!(
        boards[1].json().len() < 1 << 20,
        "{}",
        boards[1].json().len()
    );
}

#[test]
fn deployments_are_marked_and_choices_follow_from_each_other() {
    for (name, board) in boards(&generated(&Settings::new())) {
        let mark = &board["annotations"]["list"][0];
        assert_eq!(
            mark["expr"],
            r#"1000 * max by (version) (app_deployment_timestamp_seconds{job=~"$job",instance=~"$instance"})"#
        );
        assert_eq!(mark["titleFormat"], "Deployment of {{version}}", "{name}");
        let variables = board["templating"]["list"].as_array().unwrap();
        let queries: Vec<_> = variables
            .iter()
            .map(|one| (one["name"].as_str().unwrap(), &one["query"]))
            .collect();
        assert_eq!(queries[0], ("datasource", &Value::from("prometheus")));
        let asked = |index: usize| {
            (
                queries[index].0,
                queries[index].1["query"].as_str().unwrap(),
            )
        };
        assert_eq!(
            asked(1),
            ("job", "label_values(http_requests_started_total, job)")
        );
        assert_eq!(
            asked(2),
            (
                "instance",
                r#"label_values(http_requests_started_total{job=~"$job"}, instance)"#
            )
        );
        assert_eq!(
            asked(3),
            (
                "endpoint",
                r#"label_values(http_request_duration_seconds_count{job=~"$job",instance=~"$instance"}, endpoint)"#
            )
        );
        let links = board["links"].as_array().unwrap();
        assert_eq!(links[1]["url"], "https://example.com/shop", "{name}");
    }
    let otel = Settings::new().names(Names::OpenTelemetry);
    let (_, board) = &boards(&generated(&otel))[0];
    let endpoint = board["templating"]["list"][3]["query"]["query"]
        .as_str()
        .unwrap();
    assert!(endpoint.ends_with(", http_route)"), "{endpoint}");
}

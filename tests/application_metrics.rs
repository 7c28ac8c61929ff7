//! Keeps what the application records through the `metrics` facade. It is a process of its own, which has one recorder.
#![expect(
    clippy::unwrap_used,
    reason = "a test fails by a panic, which shows its place"
)]

#[path = "it/support/client.rs"]
#[expect(dead_code, reason = "shared with other tests, which ask for more")]
mod client;
#[path = "it/support/exposition.rs"]
#[expect(dead_code, reason = "shared with other tests, which ask for more")]
mod exposition;
#[path = "it/support/lines.rs"]
#[expect(dead_code, reason = "shared with other tests, which ask for more")]
mod lines;

use std::{collections::BTreeMap, thread, time::Duration};

use metrics::{counter, gauge, histogram};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tower_vitals::{
    Vitals,
    alerts::{Alerts, presets},
    health::{Health, Role, Status},
    logging::Format,
    vitals::VitalsBuilder,
};

use self::{client::Client, exposition::Exposition};

/// The settings of the process. Its first stack installs the recorder.
fn builder() -> VitalsBuilder {
    Vitals::builder().application_buckets("basket.items", [1.0, 5.0])
}

/// What both texts of `/metrics` show.
async fn both(vitals: &Vitals) -> [Exposition; 2] {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut client = Client::Http1(listener.local_addr().unwrap(), None);
    let server = tokio::spawn(axum::serve(listener, vitals.routes()).into_future());
    let text = Exposition::parse(&client.text("/metrics").await).unwrap();
    let mut request = client.request("GET", "/metrics");
    let accept = "application/openmetrics-text;version=1.0.0";
    request
        .headers_mut()
        .insert("accept", accept.parse().unwrap());
    let openmetrics = String::from_utf8(client.read(request).await.into()).unwrap();
    server.abort();
    [text, Exposition::parse_openmetrics(&openmetrics).unwrap()]
}

fn sample(scrape: &Exposition, name: &str, labels: &[(&str, &str)]) -> f64 {
    let labels = labels
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let key = (name.to_owned(), labels.collect::<BTreeMap<_, _>>());
    let found = scrape.samples.get(&key);
    *found.unwrap_or_else(|| panic!("no {key:?}"))
}

#[tokio::test]
async fn names_and_tags_as_the_guides_have_them_are_counted_exactly() {
    let vitals = builder().build().unwrap();
    metrics::describe_counter!("orders_created_total", "Total orders created");
    for tenant in ["7", "8", "7", "7"] {
        counter!("messages.sent", "tenant_id" => tenant, "type" => "outbound").increment(1);
        counter!("orders_created_total", "tenant_id" => tenant, "channel" => "web").increment(2);
    }
    gauge!("active_conversations", "tenant_id" => "7").set(45.2);
    counter!("sessions_started").increment(42);
    counter!("api_calls_groq_success").increment(3);
    for millis in [567.5, 234.5, 1_823.25] {
        histogram!("workflow_duration_ms").record(millis);
    }

    let [text, openmetrics] = both(&vitals).await;
    let sent = [("tenant_id", "7"), ("type", "outbound")];
    let created = [("tenant_id", "7"), ("channel", "web")];
    // In OpenMetrics, a counter ends with `_total`. What has another name keeps it, and has no kind.
    for (scrape, kind) in [(&text, "counter"), (&openmetrics, "unknown")] {
        for (name, labels, value) in [
            ("messages_sent", &sent[..], 3.0),
            ("sessions_started", &[], 42.0),
            ("api_calls_groq_success", &[], 3.0),
        ] {
            assert_eq!(sample(scrape, name, labels), value);
            assert_eq!(scrape.types[name], kind, "{name}");
        }
    }
    assert_eq!(text.types["orders_created_total"], "counter");
    assert_eq!(openmetrics.types["orders_created"], "counter");
    for scrape in [&text, &openmetrics] {
        assert_eq!(sample(scrape, "orders_created_total", &created), 6.0);
        assert_eq!(scrape.sum("orders_created_total", &[]), 8.0);
        let open = [("tenant_id", "7")];
        assert_eq!(sample(scrape, "active_conversations", &open), 45.2);
        assert_eq!(sample(scrape, "workflow_duration_ms_count", &[]), 3.0);
        assert_eq!(sample(scrape, "workflow_duration_ms_sum", &[]), 2_625.25);
    }

    let snapshot = vitals.metrics().snapshot();
    let key = r#"messages_sent{tenant_id="7",type="outbound"}"#;
    assert_eq!(snapshot.counters[key], 3);
    let shown = serde_json::to_value(&snapshot).unwrap();
    assert_eq!(shown["counters"]["sessions_started"], 42);
    assert_eq!(
        shown["gauges"][r#"active_conversations{tenant_id="7"}"#],
        45.2
    );
    let expected = json!({
        "count": 3, "min": 234.5, "max": 1_823.25, "sum": 2_625.25, "avg": 2_625.25 / 3.0,
    });
    assert_eq!(shown["histograms"]["workflow_duration_ms"], expected);
}

#[tokio::test]
async fn a_million_values_of_a_label_are_bounded_and_every_one_is_counted() {
    const VALUES: usize = 1_000_000;
    const LIMIT: usize = 2_000;
    const THREADS: usize = 4;
    let vitals = builder().build().unwrap();
    let (written, subscriber) = lines::subscriber(Format::Json);
    let view = |product: &str| counter!("product_views_total", "product" => product.to_owned());
    let first = view("the first");
    thread::scope(|scope| {
        for begin in 0..THREADS {
            let subscriber = &subscriber;
            scope.spawn(move || {
                let _default = tracing::dispatcher::set_default(subscriber);
                for n in (begin + 1..VALUES).step_by(THREADS) {
                    view(&n.to_string()).increment(1);
                }
            });
        }
    });
    // A handle goes on, whether it was there before the family was full or came after.
    let late = tracing::dispatcher::with_default(&subscriber, || view("too late"));
    first.increment(3);
    late.increment(4);

    let over = (VALUES - 1 - (LIMIT - 1)) as f64;
    for scrape in both(&vitals).await {
        let shown = scrape.values("product_views_total", "product");
        assert_eq!(shown.len(), LIMIT + 1);
        assert!(!shown.contains("too late"));
        assert_eq!(
            scrape.sum("product_views_total", &[]),
            (VALUES - 1 + 7) as f64
        );
        let product = |product| [("product", product)];
        assert_eq!(
            sample(&scrape, "product_views_total", &product("the first")),
            3.0
        );
        assert_eq!(
            sample(&scrape, "product_views_total", &product("overflow")),
            over + 4.0
        );
        // It counts recordings, and not their values.
        assert_eq!(sample(&scrape, "vitals_overflow_total", &[]), over + 1.0);
    }
    let mut lines = lines::lines(&written);
    lines.retain(|line| line["level"] == "WARN");
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert_eq!(lines[0]["metric"], "product_views_total");
    assert_eq!(lines[0]["limit"], LIMIT);
}

#[tokio::test]
async fn a_handle_that_was_kept_never_goes_deaf() {
    let first = builder().build().unwrap();
    let kept = counter!("kept_total", "by" => "a handle");
    let (level, lengths) = (gauge!("kept_level"), histogram!("kept_length"));
    for round in 1..=3_u32 {
        kept.increment(1);
        level.set(f64::from(round));
        lengths.record(2.0);
        // The same series by its name, another stack, and a scrape in between.
        counter!("kept_total", "by" => "a handle").increment(10);
        let stack = builder().build().unwrap();
        for scrape in both(&stack).await {
            let by = [("by", "a handle")];
            assert_eq!(sample(&scrape, "kept_total", &by), f64::from(11 * round));
            assert_eq!(sample(&scrape, "kept_level", &[]), f64::from(round));
            assert_eq!(sample(&scrape, "kept_length_count", &[]), f64::from(round));
        }
    }
    drop(first);
    kept.increment(7);
    let snapshot = builder().build().unwrap().metrics().snapshot();
    assert_eq!(snapshot.counters[r#"kept_total{by="a handle"}"#], 40);
}

#[tokio::test]
async fn the_buckets_of_a_histogram_follow_its_name_or_the_setting() {
    let vitals = builder().build().unwrap();
    histogram!("payment_seconds").record(0.3);
    histogram!("voice_audio_size_bytes").record(70_000.0);
    histogram!("voice_processing_ms").record(30.0);
    histogram!("basket.items").record(3.0);
    for scrape in both(&vitals).await {
        for (name, edge, below, edges) in [
            ("payment_seconds", 0.5, 0.25, 16),
            ("voice_audio_size_bytes", 262_144.0, 65_536.0, 12),
            ("voice_processing_ms", 50.0, 20.0, 26),
            ("basket_items", 5.0, 1.0, 3),
        ] {
            assert_eq!(scrape.types[name], "histogram");
            let name = format!("{name}_bucket");
            let buckets = scrape.samples.iter().filter(|((of, _), _)| *of == name);
            let buckets = buckets.map(|((_, labels), count)| match &*labels["le"] {
                "+Inf" => (f64::INFINITY, *count),
                edge => (edge.parse().unwrap(), *count),
            });
            let buckets: Vec<_> = buckets.collect();
            assert_eq!(buckets.len(), edges, "{name}");
            for (at, count) in buckets {
                let expected = f64::from(u8::from(at >= edge));
                assert!(at >= edge || at <= below, "{name} {at}");
                assert_eq!(count, expected, "{name} {at}");
            }
        }
    }
}

#[tokio::test]
async fn an_isolated_stack_shows_its_own_checks_and_nothing_of_the_application() {
    let health = |name: &str| {
        let health = Health::builder()
            .manual(name, Role::Critical)
            .start()
            .unwrap();
        health.set(name, Status::Healthy, None);
        health
    };
    let [shared, mine, yours] = ["shared", "mine", "yours"].map(health);
    let vitals = builder().health(shared.service()).build().unwrap();
    let isolated = |health: &Health| {
        let builder = Vitals::builder().isolated().health(health.service());
        builder.build().unwrap()
    };
    let (mine, yours) = (isolated(&mine), isolated(&yours));
    let bare = Vitals::builder().isolated().build().unwrap();
    counter!("seen_by_the_process_total").increment(1);
    for (stack, check, sees) in [
        (&vitals, Some("shared"), 1.0),
        (&mine, Some("mine"), 0.0),
        (&yours, Some("yours"), 0.0),
        (&bare, None, 0.0),
    ] {
        for scrape in both(stack).await {
            let checks = scrape.values("health_check_status", "check");
            assert!(checks.iter().map(String::as_str).eq(check), "{checks:?}");
            assert_eq!(scrape.sum("seen_by_the_process_total", &[]), sees);
        }
        let snapshot = stack.metrics().snapshot();
        let seen = snapshot.counters.get("seen_by_the_process_total");
        assert_eq!(seen.is_some(), sees > 0.0);
        let checks = snapshot
            .gauges
            .keys()
            .filter(|key| key.starts_with("health_check_status"));
        assert_eq!(checks.count(), usize::from(check.is_some()));
    }
}

#[tokio::test]
async fn a_counter_and_one_of_its_name_with_total_are_both_shown_in_both_formats() {
    let vitals = builder().build().unwrap();
    for _ in 0..2 {
        counter!("twin_orders").increment(1);
        counter!("twin_orders_total").increment(10);
        // The crate has errors_total.
        counter!("errors", "of" => "twins").increment(100);
    }
    for scrape in both(&vitals).await {
        assert_eq!(sample(&scrape, "twin_orders", &[]), 2.0);
        assert_eq!(sample(&scrape, "twin_orders_total", &[]), 20.0);
        assert_eq!(sample(&scrape, "errors", &[("of", "twins")]), 200.0);
        let excluded = [("category", "server_error"), ("endpoint", "excluded")];
        assert_eq!(sample(&scrape, "errors_total", &excluded), 0.0);
    }
}

#[test]
fn values_go_to_the_log_as_they_are() {
    record_what_is_logged(&builder().build().unwrap());
    let (written, _guard) = lines::written(Format::Json);
    let vitals = builder()
        .log_metrics(Duration::from_secs(1))
        .build()
        .unwrap();
    let mut all = Vec::new();
    // The last of them in the order of their names.
    while !all
        .iter()
        .any(|line: &Value| line["metric"] == "logged_z_level")
    {
        all.extend(lines::lines_with(&written, "metric_gauge"));
    }
    let lines = |metric: &str| {
        let lines = all.iter().filter(|line| line["metric"] == metric);
        lines.collect::<Vec<_>>()
    };
    for line in lines("logged_calls_total") {
        assert_eq!(line["message"], "metric_counter");
        assert_eq!(
            (&line["labels"], &line["value"]),
            (&"service=groq,status=ok".into(), &5.into())
        );
    }
    for line in lines("logged_duration_ms") {
        let expected = [
            ("message", json!("metric_histogram")),
            ("count", json!(3)),
            ("min", json!(234.5)),
            ("max", json!(1_823.25)),
            ("sum", json!(2_625.25)),
            ("avg", json!(2_625.25 / 3.0)),
            ("labels", Value::Null),
        ];
        for (field, value) in expected {
            assert_eq!(line[field], value, "{field}");
        }
    }
    for line in lines("logged_z_level") {
        assert_eq!(line["message"], "metric_gauge");
        assert_eq!(
            (&line["value"], &line["level"]),
            (&json!(-45.25), &"INFO".into())
        );
    }
    for metric in ["logged_calls_total", "logged_duration_ms", "app_build_info"] {
        assert!(!lines(metric).is_empty(), "{metric}");
    }
    // What never happened would fill the log.
    assert_eq!(lines("logged_never_total"), Vec::<&Value>::new());
    assert_eq!(lines("http_requests_excluded_total"), Vec::<&Value>::new());
    drop(vitals);
}

/// Records what the log must show, to the recorder that a stack has installed.
fn record_what_is_logged(_installed: &Vitals) {
    counter!("logged_calls_total", "status" => "ok", "service" => "groq").increment(5);
    counter!("logged_never_total").increment(0);
    for millis in [567.5, 234.5, 1_823.25] {
        histogram!("logged_duration_ms").record(millis);
    }
    gauge!("logged_z_level").set(-45.25);
}

#[test]
fn alerts_judge_what_the_application_records() {
    let payments = |status: &'static str| counter!("payments_processed_total", "status" => status);
    let alerts = Alerts::none()
        .rule(presets::payment_failures().pending_for(Duration::ZERO))
        .rule(presets::workers_down("workers_active").pending_for(Duration::ZERO))
        .interval(Duration::from_secs(3_600));
    let vitals = builder().alerts(alerts).build().unwrap();
    gauge!("workers_active", "queue" => "emails").set(0.0);
    gauge!("workers_active", "queue" => "reports").set(2.0);
    payments("ok").increment(1_000);
    let alerts = vitals.alerts();
    let firing = || {
        let firing = alerts.evaluate().into_iter();
        let firing = firing.map(|one| (one.name, one.value, one.labels.into_values().collect()));
        firing.collect::<Vec<(String, Option<f64>, Vec<String>)>>()
    };
    let workers = (
        "workers_down".to_owned(),
        Some(0.0),
        vec!["emails".to_owned()],
    );
    // What a counter had before the first evaluation is not of the window.
    assert_eq!(firing(), std::slice::from_ref(&workers));
    payments("ok").increment(18);
    payments("failed").increment(2);
    // 10 % is not above 10 %.
    assert_eq!(firing(), std::slice::from_ref(&workers));
    payments("failed").increment(5);
    let payments = ("payment_failure_rate".to_owned(), Some(28.0), vec![]);
    assert_eq!(firing(), [payments, workers]);
}

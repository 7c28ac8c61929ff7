use super::*;

thread_local! {
    /// The recorder that a subscriber records to.
    static RECORDS_TO: Cell<Option<&'static ApplicationRecorder>> = const { Cell::new(None) };
}

/// Keeps the fields of warnings, and does with each what a subscriber could do.
#[derive(Clone, Default)]
struct Warnings {
    all: Arc<Mutex<Vec<String>>>,
    panics: bool,
}

/// The fields of an event as `name=value`, but for the message.
#[derive(Default)]
struct Fields(Vec<String>);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() != "message" {
            self.0.push(format!("{}={value:?}", field.name()));
        }
    }
}

impl Subscriber for Warnings {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        metadata.target() == "tower_vitals"
    }
    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }
    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}
    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
    fn enter(&self, _: &span::Id) {}
    fn exit(&self, _: &span::Id) {}
    fn event(&self, event: &Event<'_>) {
        assert_eq!(*event.metadata().level(), tracing::Level::WARN);
        let mut fields = Fields::default();
        event.record(&mut fields);
        self.all.lock().unwrap().push(fields.0.join(" "));
        if let Some(recorder) = RECORDS_TO.get() {
            for value in ["1", "2", "3"] {
                counter(recorder, "views", &[("product", value)]).increment(1);
                counter(recorder, "log_events_total", &[("level", value)]).increment(1);
            }
        }
        assert!(!self.panics, "as a subscriber can");
    }
}

/// The warnings that `record` causes.
fn warnings(record: impl FnOnce()) -> Vec<String> {
    let warnings = Warnings::default();
    tracing::subscriber::with_default(warnings.clone(), record);
    let all = warnings.all.lock().unwrap();
    all.clone()
}

#[test]
fn the_first_overflow_of_a_family_is_one_warning() {
    let recorder = recorder().with_limit(2).unwrap();
    let warned = warnings(|| {
        for name in ["views", "clicks"] {
            for n in 0..10_u32 {
                counter(&recorder, name, &[("product", &n.to_string())]).increment(1);
            }
        }
    });
    assert_eq!(
        warned,
        ["metric=\"views\" limit=2", "metric=\"clicks\" limit=2"]
    );
}

#[test]
fn of_two_kinds_of_one_name_the_first_stays() {
    let recorder = recorder();
    let warned = warnings(|| {
        counter(&recorder, "jobs.open", &[]).increment(1);
        for name in ["jobs.open", "jobs_open"] {
            let wrong = gauge(&recorder, name, &[]);
            wrong.set(5.0);
            wrong.increment(5.0);
            histogram(&recorder, name, &[("a", "1")]).record_many(1.0, 3);
        }
        counter(&recorder, "jobs.open", &[]).increment(1);
    });
    assert_eq!(
        warned,
        ["metric=\"jobs_open\" kept=\"counter\" dropped=\"gauge\""]
    );
    assert_eq!(
        Page::of(&recorder).0,
        ["jobs_open Counter None \"\"", "{} 2"]
    );
    assert_eq!(recorder.dropped(), 2 * (2 + 3));
}

#[test]
fn families_of_this_crate_are_not_shown_from_the_application() {
    let ours = ["errors_total", "http_requests_total", "wait_seconds_count"];
    let recorder = ApplicationRecorder::new(move |name| ours.contains(&name));
    let warned = warnings(|| {
        for _ in 0..3 {
            counter(&recorder, "errors_total", &[("error_type", "a")]).increment(1);
            gauge(&recorder, "errors.total", &[]).set(1.0);
            counter(&recorder, "orders_total", &[]).increment(1);
            counter(&recorder, "http.requests.total", &[]).increment(1);
            histogram(&recorder, "wait_seconds", &[]).record(1.0);
        }
    });
    let expected = ["errors_total", "http_requests_total", "wait_seconds"];
    assert_eq!(warned, expected.map(|name| format!("metric={name:?}")));
    assert_eq!(
        Page::of(&recorder).0,
        ["orders_total Counter None \"\"", "{} 3"]
    );
    assert_eq!(recorder.dropped(), 12);
}

#[test]
fn no_two_families_have_samples_of_one_name() {
    let recorder = recorder();
    let warned = warnings(|| {
        histogram(&recorder, "wait", &[]).record(1.0);
        counter(&recorder, "wait_count", &[]).increment(1);
        gauge(&recorder, "size_sum", &[]).set(1.0);
        histogram(&recorder, "size", &[]).record(1.0);
        // Each of two has samples of its own, though OpenMetrics calls the family of a counter as the other one.
        counter(&recorder, "orders_total", &[]).increment(1);
        counter(&recorder, "orders", &[]).increment(1);
        counter(&recorder, "connections_total", &[]).increment(1);
        gauge(&recorder, "connections", &[]).set(1.0);
    });
    let expected = [
        "metric=\"wait_count\" other=\"wait\"",
        "metric=\"size\" other=\"size_sum\"",
    ];
    assert_eq!(warned, expected);
    let page = Page::of(&recorder).0;
    let families = page.iter().filter(|line| !line.starts_with('{'));
    let names: Vec<_> = families
        .map(|line| line.split(' ').next().unwrap())
        .collect();
    let expected = [
        "connections",
        "connections_total",
        "orders",
        "orders_total",
        "size_sum",
        "wait",
    ];
    assert_eq!(names, expected);
}

#[test]
fn families_above_a_thousand_are_dropped_and_counted() {
    let recorder = recorder();
    let warned = warnings(|| {
        for n in 0..3_000 {
            counter(&recorder, &format!("family_{n:04}"), &[]).increment(1);
        }
        counter(&recorder, "family_0000", &[]).increment(1);
    });
    assert_eq!(warned, ["metric=\"family_1000\" limit=1000"]);
    let page = Page::of(&recorder);
    assert_eq!((page.0.len(), page.sum("{")), (2_000, 1_001));
    assert_eq!(recorder.dropped(), 2_000);
}

#[test]
fn a_subscriber_that_records_metrics_hears_each_warning_once() {
    let recorder = Box::leak(Box::new(recorder().with_limit(2).unwrap()));
    RECORDS_TO.set(Some(recorder));
    let warned = warnings(|| {
        for value in ["1", "2", "3"] {
            counter(recorder, "views", &[("product", value)]).increment(1);
        }
    });
    RECORDS_TO.set(None);
    assert!(warned.contains(&"metric=\"views\" limit=2".to_owned()));
    assert!(warned.len() <= 2, "{warned:?}");
    // One from here, and one for each warning.
    let expected = 3 * (1 + warned.len() as u64);
    assert_eq!(Page::of(recorder).sum("{product"), expected);
}

#[test]
fn a_subscriber_that_panics_costs_no_count() {
    let recorder = recorder().with_limit(1).unwrap();
    let warnings = Warnings {
        panics: true,
        ..Warnings::default()
    };
    tracing::subscriber::with_default(warnings.clone(), || {
        for value in ["1", "2", "3"] {
            counter(&recorder, "views", &[("product", value)]).increment(1);
        }
    });
    assert_eq!(warnings.all.lock().unwrap().len(), 1);
    assert_eq!(Page::of(&recorder).sum("{"), 3);
}

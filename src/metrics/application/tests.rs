use std::{cell::Cell, sync::Mutex, thread};

use metrics::{Label, Level};
use tracing::{
    Event, Subscriber,
    field::{Field, Visit},
    span,
};

use super::*;

mod bounds;
mod descriptions;
mod warnings;

const METADATA: Metadata<'_> = Metadata::new("shop", Level::INFO, None);

/// What a recorder shows, a line each.
#[derive(Debug, Default)]
struct Page(Vec<String>);

impl Page {
    fn of(recorder: &ApplicationRecorder) -> Self {
        let mut page = Self::default();
        recorder.visit(&mut page);
        page
    }

    /// The sum of what stands at the end of all lines that begin so.
    fn sum(&self, begin: &str) -> u64 {
        let lines = self.0.iter().filter(|line| line.starts_with(begin));
        let values = lines.map(|line| line.rsplit(' ').next().unwrap());
        values.map(|value| value.parse::<u64>().unwrap()).sum()
    }
}

fn shown(labels: &samples::Labels<'_>) -> String {
    let labels = labels.iter();
    let labels: Vec<_> = labels
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    labels.join(",")
}

impl Samples for Page {
    fn family(&mut self, family: &samples::Family<'_>) {
        let samples::Family {
            name,
            kind,
            unit,
            help,
        } = family;
        self.0.push(format!("{name} {kind:?} {unit:?} {help:?}"));
    }

    fn counter(&mut self, labels: &samples::Labels<'_>, value: u64) {
        self.0.push(format!("{{{}}} {value}", shown(labels)));
    }

    fn gauge(&mut self, labels: &samples::Labels<'_>, value: f64) {
        self.0.push(format!("{{{}}} {value:?}", shown(labels)));
    }

    fn histogram(&mut self, labels: &samples::Labels<'_>, histogram: &samples::Histogram<'_>) {
        assert_eq!(histogram.counts.len(), histogram.edges.len() + 1);
        let (sum, count) = (histogram.sum, histogram.count());
        self.0
            .push(format!("{{{}}} {sum:?} {count}", shown(labels)));
    }
}

fn recorder() -> ApplicationRecorder {
    ApplicationRecorder::new(|_| false)
}

fn key(name: &str, labels: &[(&str, &str)]) -> Key {
    let label = |(name, value): &(&str, &str)| Label::new(name.to_string(), value.to_string());
    Key::from_parts(
        name.to_owned(),
        labels.iter().map(label).collect::<Vec<_>>(),
    )
}

fn counter(recorder: &ApplicationRecorder, name: &str, labels: &[(&str, &str)]) -> Counter {
    recorder.register_counter(&key(name, labels), &METADATA)
}

fn gauge(recorder: &ApplicationRecorder, name: &str, labels: &[(&str, &str)]) -> Gauge {
    recorder.register_gauge(&key(name, labels), &METADATA)
}

fn histogram(recorder: &ApplicationRecorder, name: &str, labels: &[(&str, &str)]) -> Histogram {
    recorder.register_histogram(&key(name, labels), &METADATA)
}

#[test]
fn what_the_guides_record_is_shown() {
    let recorder = recorder();
    metrics::with_local_recorder(&recorder, || {
        metrics::counter!("messages.sent", "tenant_id" => "7", "type" => "outbound").increment(1);
        metrics::gauge!("active_conversations", "tenant_id" => "7").set(12.0);
        metrics::counter!("orders_created_total", "tenant_id" => "7", "channel" => "web")
            .increment(2);
        metrics::counter!("sessions_started").increment(1);
        let (service, status) = ("groq", "success");
        metrics::counter!(format!("api_calls_{service}_{status}")).increment(3);
        metrics::histogram!("voice_audio_size_bytes").record(4_096.0);
        metrics::histogram!(format!("api_duration_ms_{service}")).record(250.5);
        let provider = "stripe".to_owned();
        metrics::histogram!("payment_processing_duration_seconds", "provider" => provider)
            .record(0.5);
    });
    let expected = [
        "active_conversations Gauge None \"\"",
        "{tenant_id=7} 12.0",
        "api_calls_groq_success Counter None \"\"",
        "{} 3",
        "api_duration_ms_groq Histogram None \"\"",
        "{} 250.5 1",
        "messages_sent Counter None \"\"",
        "{tenant_id=7,type=outbound} 1",
        "orders_created_total Counter None \"\"",
        "{channel=web,tenant_id=7} 2",
        "payment_processing_duration_seconds Histogram None \"\"",
        "{provider=stripe} 0.5 1",
        "sessions_started Counter None \"\"",
        "{} 1",
        "voice_audio_size_bytes Histogram None \"\"",
        "{} 4096.0 1",
    ];
    assert_eq!(Page::of(&recorder).0, expected);
}

#[test]
fn families_and_series_are_shown_in_one_order_whenever_they_came() {
    let names = ["b", "a", "c"];
    let values = ["2", "10", "1"];
    let mut pages = (0..20).map(|_| {
        let recorder = recorder();
        let mut all: Vec<_> = names
            .iter()
            .flat_map(|name| values.map(|value| (*name, value)))
            .collect();
        fastrand::shuffle(&mut all);
        for (name, value) in all {
            let mut labels = [("x", value), ("w", "0")];
            fastrand::shuffle(&mut labels);
            counter(&recorder, name, &labels).increment(1);
        }
        Page::of(&recorder).0
    });
    let first = pages.next().unwrap();
    assert_eq!(
        first[..3],
        ["a Counter None \"\"", "{w=0,x=1} 1", "{w=0,x=10} 1"]
    );
    assert_eq!(first.len(), 12);
    assert!(pages.all(|page| page == first));
}

#[test]
fn two_names_that_become_one_are_one_family() {
    let recorder = recorder();
    for _ in 0..3 {
        counter(
            &recorder,
            "messages.sent",
            &[("tenant.id", "7"), ("le", "1")],
        )
        .increment(1);
        counter(
            &recorder,
            "messages_sent",
            &[("exported_le", "1"), ("tenant_id", "7")],
        )
        .increment(10);
    }
    let expected = [
        "messages_sent Counter None \"\"",
        "{exported_le=1,tenant_id=7} 33",
    ];
    assert_eq!(Page::of(&recorder).0, expected);
}

#[test]
fn numbers_are_exact_and_odd_ones_do_no_harm() {
    let recorder = recorder();
    let exact = (1 << 53) + 1;
    counter(&recorder, "counter", &[]).increment(exact);
    counter(&recorder, "counter_absolute", &[]).absolute(exact);
    counter(&recorder, "counter_absolute", &[]).absolute(exact - 1);
    for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -1.5] {
        gauge(&recorder, "gauge", &[("set", &value.to_string())]).set(value);
    }
    let changed = gauge(&recorder, "gauge", &[("set", "changed")]);
    changed.increment(5.0);
    changed.decrement(2.5);
    for odd in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        changed.increment(odd);
        changed.decrement(odd);
        histogram(&recorder, "histogram", &[]).record(odd);
    }
    assert_eq!(recorder.dropped(), 9);
    let expected = [
        "counter Counter None \"\"",
        "{} 9007199254740993",
        "counter_absolute Counter None \"\"",
        "{} 9007199254740993",
        "gauge Gauge None \"\"",
        "{set=-1.5} -1.5",
        "{set=-inf} -inf",
        "{set=NaN} NaN",
        "{set=changed} 2.5",
        "{set=inf} inf",
        "histogram Histogram None \"\"",
        "{} 0.0 0",
    ];
    assert_eq!(Page::of(&recorder).0, expected);
}

#[test]
fn chosen_buckets_and_those_of_a_suffix_are_used() {
    let recorder = recorder().buckets_for("own.seconds", [1.0, 2.0]).unwrap();
    for name in ["own.seconds", "other_seconds", "ms"] {
        histogram(&recorder, name, &[]).record(3.0);
    }
    let mut edges = Edged::default();
    recorder.visit(&mut edges);
    assert_eq!(edges.0, [25, 15, 2]);
}

/// How many edges each histogram has.
#[derive(Default)]
struct Edged(Vec<usize>);

impl Samples for Edged {
    fn family(&mut self, _: &samples::Family<'_>) {}
    fn counter(&mut self, _: &samples::Labels<'_>, _: u64) {}
    fn gauge(&mut self, _: &samples::Labels<'_>, _: f64) {}
    fn histogram(&mut self, _: &samples::Labels<'_>, histogram: &samples::Histogram<'_>) {
        self.0.push(histogram.edges.len());
    }
}

/// Records new series while it takes samples.
struct Recording<'a>(&'a ApplicationRecorder, u64);

impl Samples for Recording<'_> {
    fn family(&mut self, family: &samples::Family<'_>) {
        counter(self.0, family.name, &[("seen", "family")]).increment(1);
        counter(self.0, "another", &[]).increment(1);
        self.0.describe_counter("another".into(), None, "".into());
    }
    fn counter(&mut self, _: &samples::Labels<'_>, value: u64) {
        self.1 += value;
        counter(self.0, "orders", &[("seen", "counter")]).increment(1);
    }
    fn gauge(&mut self, _: &samples::Labels<'_>, _: f64) {}
    fn histogram(&mut self, _: &samples::Labels<'_>, _: &samples::Histogram<'_>) {}
}

#[test]
fn series_can_be_made_while_all_are_given_out() {
    let recorder = Arc::new(recorder());
    counter(&recorder, "orders", &[]).increment(5);
    let (done, waits) = std::sync::mpsc::channel();
    thread::spawn(move || {
        let mut recording = Recording(&recorder, 0);
        recorder.visit(&mut recording);
        let _ = done.send((recording.1, Page::of(&recorder).0.len()));
    });
    let seen = waits.recv_timeout(std::time::Duration::from_secs(20));
    assert_eq!(seen, Ok((5, 6)));
}

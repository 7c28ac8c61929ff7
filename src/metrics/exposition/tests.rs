//! Writes texts, and reads them back by a strict parser.

mod random;
mod refused;
mod service;

use super::{
    super::{
        Settings,
        catalog::Id,
        sampled::{Sampled, Sampler},
        samples::{Exemplar, Family, Histogram, Kind, Samples, Unit},
    },
    Format::{self, OpenMetrics, Text},
    Writer,
    parser::{Labels, Parsed},
};

const TRACE: &[u8; 32] = b"0af7651916cd43dd8448eb211c80319c";

const fn family<'a>(name: &'a str, kind: Kind, help: &'a str) -> Family<'a> {
    Family {
        name,
        kind,
        unit: None,
        help,
    }
}

const fn histogram<'a>(edges: &'a [f64], counts: &'a [u64], sum: f64) -> Histogram<'a> {
    Histogram {
        edges,
        counts,
        sum,
        range: None,
        exemplars: &[],
        fine: None,
    }
}

fn written(format: Format, write: impl FnOnce(&mut Writer)) -> String {
    let mut writer = Writer::new(format);
    write(&mut writer);
    writer.finish()
}

fn parsed(format: Format, text: &str) -> Result<Parsed, String> {
    match format {
        Text => Parsed::text(text),
        OpenMetrics => Parsed::openmetrics(text),
    }
}

/// A little of everything.
fn some(writer: &mut Writer) {
    writer.family(&family("requests_total", Kind::Counter, "Requests."));
    writer.counter(&[("method", "GET"), ("status", "200")], u64::MAX);
    writer.counter(&[], 0);
    writer.family(&family("own", Kind::Counter, ""));
    writer.counter(&[], 3);
    writer.family(&family("temperature", Kind::Gauge, "Of \"me\"\\you.\nNow."));
    writer.gauge(&[("room", "a\\b\"c\"\nd}")], -1.5);
    writer.gauge(&[("room", "")], f64::NAN);
    writer.family(&Family {
        unit: Some(Unit::Seconds),
        ..family("wait_seconds", Kind::Histogram, "Waiting.")
    });
    let example = |value| {
        Some(Exemplar {
            trace_id: *TRACE,
            value,
            at: 1_700_000_000.125,
        })
    };
    let exemplars = [None, example(1.0), example(7.0)];
    let one = Histogram {
        exemplars: &exemplars,
        ..histogram(&[0.5, 1.0], &[1, 0, 2], 14.25)
    };
    writer.histogram(&[("a", "b")], &one);
    writer.histogram(&[], &histogram(&[0.5, 1.0], &[0, 0, 0], 0.0));
}

#[test]
fn the_time_of_processors_is_a_counter_with_a_fraction_in_both_formats() {
    let metrics = Settings::new().isolated().unwrap();
    let sampler = Sampler::new("process");
    let _ended = crate::metrics::Metrics::publish_sampler(Some(&metrics), &sampler);
    sampler.put(vec![Sampled::seconds_counter(Id::ProcessCpu, &[], 12.25)]);
    for (format, family) in [
        (Text, "process_cpu_seconds_total"),
        (OpenMetrics, "process_cpu_seconds"),
    ] {
        let text = written(format, |writer| metrics.give(writer));
        parsed(format, &text).unwrap();
        let lines: Vec<_> = text.lines().collect();
        for line in [
            &*format!("# TYPE {family} counter"),
            "process_cpu_seconds_total 12.25",
        ] {
            assert!(lines.contains(&line), "{line}");
        }
        let unit = lines.contains(&"# UNIT process_cpu_seconds seconds");
        assert_eq!(unit, format == OpenMetrics);
    }
    let snapshot = metrics.snapshot();
    assert_eq!(snapshot.counters["process_cpu_seconds_total"], 12);
}

#[test]
fn the_text_format_is_written_to_the_letter() {
    let expected = r#"# HELP requests_total Requests.
# TYPE requests_total counter
requests_total{method="GET",status="200"} 18446744073709551615
requests_total 0
# TYPE own counter
own 3
# HELP temperature Of "me"\\you.\nNow.
# TYPE temperature gauge
temperature{room="a\\b\"c\"\nd}"} -1.5
temperature{room=""} NaN
# HELP wait_seconds Waiting.
# TYPE wait_seconds histogram
wait_seconds_bucket{a="b",le="0.5"} 1
wait_seconds_bucket{a="b",le="1"} 1
wait_seconds_bucket{a="b",le="+Inf"} 3
wait_seconds_sum{a="b"} 14.25
wait_seconds_count{a="b"} 3
wait_seconds_bucket{le="0.5"} 0
wait_seconds_bucket{le="1"} 0
wait_seconds_bucket{le="+Inf"} 0
wait_seconds_sum 0
wait_seconds_count 0
"#;
    assert_eq!(written(Text, some), expected);
    Parsed::text(expected).unwrap();
}

#[test]
fn openmetrics_is_written_to_the_letter() {
    let expected = r##"# TYPE requests counter
# HELP requests Requests.
requests_total{method="GET",status="200"} 18446744073709551615
requests_total 0
# TYPE own unknown
own 3
# TYPE temperature gauge
# HELP temperature Of \"me\"\\you.\nNow.
temperature{room="a\\b\"c\"\nd}"} -1.5
temperature{room=""} NaN
# TYPE wait_seconds histogram
# UNIT wait_seconds seconds
# HELP wait_seconds Waiting.
wait_seconds_bucket{a="b",le="0.5"} 1
wait_seconds_bucket{a="b",le="1.0"} 1 # {trace_id="0af7651916cd43dd8448eb211c80319c"} 1 1700000000.125
wait_seconds_bucket{a="b",le="+Inf"} 3 # {trace_id="0af7651916cd43dd8448eb211c80319c"} 7 1700000000.125
wait_seconds_sum{a="b"} 14.25
wait_seconds_count{a="b"} 3
wait_seconds_bucket{le="0.5"} 0
wait_seconds_bucket{le="1.0"} 0
wait_seconds_bucket{le="+Inf"} 0
wait_seconds_sum 0
wait_seconds_count 0
# EOF
"##;
    assert_eq!(written(OpenMetrics, some), expected);
    Parsed::openmetrics(expected).unwrap();
}

#[test]
fn an_empty_text_is_valid() {
    assert_eq!(written(Text, |_| ()), "");
    assert_eq!(written(OpenMetrics, |_| ()), "# EOF\n");
}

#[test]
fn a_unit_is_told_where_the_name_ends_in_it() {
    let named = |name, kind| {
        written(OpenMetrics, |writer| {
            writer.family(&Family {
                unit: Some(Unit::Bytes),
                ..family(name, kind, "")
            });
        })
    };
    assert!(named("sent_bytes_total", Kind::Counter).contains("# UNIT sent_bytes bytes\n"));
    for (name, kind) in [
        ("sent_megabytes", Kind::Gauge),
        ("bytes", Kind::Gauge),
        ("sent_bytes_total", Kind::Gauge),
    ] {
        assert!(!named(name, kind).contains("UNIT"), "{name}");
    }
}

#[test]
fn series_have_the_same_names_in_both_formats_where_families_clash() {
    let write = |writer: &mut Writer| {
        writer.family(&family("sent_bytes", Kind::Gauge, "Now."));
        writer.gauge(&[("to", "sent_bytes_total")], 1.0);
        writer.family(&Family {
            unit: Some(Unit::Bytes),
            ..family("sent_bytes_total", Kind::Counter, "Ever.")
        });
        writer.counter(&[("to", "\nsent_bytes_total")], 2);
        writer.counter(&[], 3);
        writer.family(&family("wait", Kind::Histogram, "Waiting."));
        writer.histogram(&[], &histogram(&[], &[4], 5.0));
        writer.family(&family("wait_sum", Kind::Gauge, "Own."));
        writer.gauge(&[], 6.0);
        writer.family(&family("wait_sum", Kind::Counter, ""));
        writer.counter(&[], 7);
    };
    let text = Parsed::text(&written(Text, write)).unwrap();
    let openmetrics = written(OpenMetrics, write);
    assert!(
        openmetrics.contains("# TYPE sent_bytes_total unknown\n# HELP sent_bytes_total Ever.\n")
    );
    let openmetrics = Parsed::openmetrics(&openmetrics).unwrap();
    let of =
        |parsed: &Parsed, name: &str| parsed.samples.get(&(name.into(), Labels::new())).copied();
    for (name, value) in [
        ("sent_bytes_total", 3.0),
        ("wait_sum", 5.0),
        ("wait_sum_gauge", 6.0),
    ] {
        assert_eq!(of(&text, name), Some(value), "{name}");
        assert_eq!(of(&openmetrics, name), Some(value), "{name}");
    }
    for page in [&text, &openmetrics] {
        assert_eq!(of(page, "wait_sum_counter"), Some(7.0));
    }
    assert_eq!(text.samples.len(), 8);
    assert_eq!(openmetrics.samples.len(), 8);
}

#[test]
fn a_label_that_names_buckets_is_renamed() {
    for format in [Text, OpenMetrics] {
        let text = written(format, |writer| {
            writer.family(&family("a", Kind::Histogram, ""));
            writer.histogram(
                &[("le", "x"), ("exported_le", "y")],
                &histogram(&[], &[1], 2.0),
            );
            writer.family(&family("b", Kind::Gauge, ""));
            writer.gauge(&[("le", "x")], 1.0);
        });
        assert!(
            text.contains(r#"a_sum{exported_exported_le="x",exported_le="y"} 2"#),
            "{text}"
        );
        assert!(text.contains(r#"b{le="x"} 1"#), "{text}");
        parsed(format, &text).unwrap();
    }
}

#[test]
fn openmetrics_has_no_sum_that_can_fall() {
    for (edges, sum) in [
        (&[-1.0, 1.0][..], 5.0),
        (&[1.0, 2.0], -0.5),
        (&[1.0, 2.0], f64::NAN),
    ] {
        let write = |writer: &mut Writer| {
            writer.family(&family("a", Kind::Histogram, ""));
            writer.histogram(&[], &histogram(edges, &[1, 2, 3], sum));
        };
        let text = written(OpenMetrics, write);
        assert!(
            !text.contains("a_sum") && !text.contains("a_count"),
            "{text}"
        );
        Parsed::openmetrics(&text).unwrap();
        let text = written(Text, write);
        assert!(
            text.contains("a_sum") && text.contains("a_count 6"),
            "{text}"
        );
    }
}

#[test]
fn an_exemplar_that_openmetrics_would_refuse_is_left_out() {
    let good = Exemplar {
        trace_id: *TRACE,
        value: 0.5,
        at: 1.0,
    };
    let bad = [
        Exemplar {
            trace_id: *b"0af76519\"} 1 1\nb 1\n             ",
            ..good
        },
        Exemplar {
            trace_id: [0xff; 32],
            ..good
        },
        Exemplar { value: 1.5, ..good },
        Exemplar {
            value: f64::NAN,
            ..good
        },
        Exemplar {
            at: f64::INFINITY,
            ..good
        },
    ];
    for (exemplar, expected) in bad.into_iter().map(|bad| (bad, 0)).chain([(good, 1)]) {
        let exemplars = [Some(exemplar)];
        let one = Histogram {
            exemplars: &exemplars,
            ..histogram(&[1.0], &[1, 0], 0.5)
        };
        let text = written(OpenMetrics, |writer| {
            writer.family(&family("a", Kind::Histogram, ""));
            writer.histogram(&[], &one);
        });
        let parsed = Parsed::openmetrics(&text).unwrap();
        assert_eq!(parsed.exemplars.len(), expected, "{exemplar:?}");
    }
}

#[test]
fn an_edge_that_is_no_number_costs_no_count() {
    for format in [Text, OpenMetrics] {
        let text = written(format, |writer| {
            writer.family(&family("a", Kind::Histogram, ""));
            writer.histogram(&[], &histogram(&[1.0, f64::INFINITY], &[1, 2, 4], 9.0));
        });
        let parsed = parsed(format, &text).unwrap();
        let mut counts: Vec<_> = parsed.samples.values().copied().collect();
        counts.sort_by(f64::total_cmp);
        assert_eq!(counts, [1.0, 7.0, 7.0, 9.0], "{text}");
    }
}

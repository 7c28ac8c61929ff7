//! Writes random samples, and reads them back.

use std::{collections::BTreeMap, iter};

use super::{
    Format::{self, OpenMetrics, Text},
    Kind, Labels, Samples, Writer, family, histogram, parsed, written,
};

/// A value of a label, or a help text.
fn random_text() -> String {
    const ODD: &[&str] = &[
        "\\",
        "\"",
        "\n",
        "\r",
        "\0",
        "}",
        "{",
        ",",
        "=",
        "#",
        " ",
        "# EOF\n",
        "\\n",
        "\u{2028}",
        "\u{fffd}",
        "é",
        "\n# TYPE x counter\n",
        "\"} 1\nx 1\n",
        "le=\"1\"",
        " # {trace_id=\"",
    ];
    let pieces = iter::repeat_with(|| match fastrand::u8(0..4) {
        0 => char::from(fastrand::u8(b' '..=b'~')).to_string(),
        1 => fastrand::char(..).to_string(),
        _ => ODD[fastrand::usize(..ODD.len())].to_owned(),
    });
    pieces.take(fastrand::usize(0..12)).collect()
}

fn random_number() -> f64 {
    match fastrand::u8(0..6) {
        0 => f64::from_bits(fastrand::u64(..)),
        1 => f64::INFINITY,
        2 => f64::NEG_INFINITY,
        3 => fastrand::u64(..) as f64,
        4 => f64::from(fastrand::i8(..)),
        _ => fastrand::f64(),
    }
}

/// What a text must hold.
#[derive(Default)]
struct Expected {
    helps: BTreeMap<String, String>,
    samples: BTreeMap<(String, Labels), f64>,
}

// === impl Expected ===

impl Expected {
    fn add(&mut self, name: String, labels: &[(&str, &str)], edge: Option<f64>, value: f64) {
        let labels = labels.iter();
        let labels = labels.map(|(name, value)| ((*name).into(), (*value).into()));
        let edge = edge.map(|edge| ("le".to_owned(), edge.to_string()));
        let key = (name, labels.chain(edge).collect());
        assert_eq!(self.samples.insert(key, value), None);
    }

    /// Writes random samples, and expects them.
    fn write(&mut self, writer: &mut Writer, format: Format) {
        for number in 0..fastrand::usize(0..6) {
            let kind = [Kind::Counter, Kind::Gauge, Kind::Histogram][fastrand::usize(..3)];
            let end = ["", "_total"][fastrand::usize(..2)];
            let name = format!("f{number}{end}");
            let help = random_text();
            writer.family(&family(&name, kind, &help));
            let counter = (format, kind) == (OpenMetrics, Kind::Counter) && end == "_total";
            let described = if counter {
                format!("f{number}")
            } else {
                name.clone()
            };
            self.helps.insert(described, help);
            for series in 0..fastrand::usize(0..4) {
                // No two series have the same labels.
                let mut values = vec![series.to_string()];
                values.extend(iter::repeat_with(random_text).take(fastrand::usize(0..4)));
                let names = ["n", "a", "b_c", "__d"].into_iter();
                let labels: Vec<_> = names.zip(values.iter().map(String::as_str)).collect();
                let labels = &labels[usize::from(series == 0)..];
                match kind {
                    Kind::Counter => {
                        let value = fastrand::u64(..);
                        writer.counter(labels, value);
                        self.add(name.clone(), labels, None, value as f64);
                    }
                    Kind::Gauge => {
                        let value = random_number();
                        writer.gauge(labels, value);
                        self.add(name.clone(), labels, None, value);
                    }
                    Kind::Histogram => self.write_histogram(writer, &name, labels),
                }
            }
        }
    }

    fn write_histogram(&mut self, writer: &mut Writer, name: &str, labels: &[(&str, &str)]) {
        let numbers = iter::repeat_with(|| random_number().abs());
        let mut edges: Vec<_> = numbers.take(fastrand::usize(0..5)).collect();
        edges.retain(|edge| edge.is_finite());
        edges.sort_by(f64::total_cmp);
        edges.dedup();
        let counts = iter::repeat_with(|| fastrand::u64(..1 << 40));
        let counts: Vec<_> = counts.take(edges.len() + 1).collect();
        let sum = fastrand::f64() * 1e9;
        writer.histogram(labels, &histogram(&edges, &counts, sum));
        let mut below = 0;
        for (edge, count) in edges.iter().chain([&f64::INFINITY]).zip(&counts) {
            below += count;
            self.add(format!("{name}_bucket"), labels, Some(*edge), below as f64);
        }
        self.add(format!("{name}_sum"), labels, None, sum);
        self.add(format!("{name}_count"), labels, None, below as f64);
    }
}

#[test]
fn a_parser_sees_exactly_what_was_written() {
    for round in 0..3_000 {
        let format = [Text, OpenMetrics][round % 2];
        let mut expected = Expected::default();
        let text = written(format, |writer| expected.write(writer, format));
        let parsed = parsed(format, &text).unwrap_or_else(|error| panic!("{error}\n{text}"));
        let seen = parsed
            .samples
            .into_iter()
            .map(|((name, mut labels), value)| {
                if name.ends_with("_bucket") {
                    let edge = labels.get_mut("le").unwrap();
                    *edge = edge
                        .replace("+Inf", "inf")
                        .parse::<f64>()
                        .unwrap()
                        .to_string();
                }
                ((name, labels), value)
            });
        // NaN is equal to itself in a text only.
        let seen: BTreeMap<_, _> = seen.collect();
        assert_eq!(
            format!("{seen:?}"),
            format!("{:?}", expected.samples).replace("-0.0,", "0.0,"),
            "{text}"
        );
        let helps = parsed.families.into_iter();
        let helps = helps.map(|(name, family)| (name, family.help.unwrap_or_default()));
        assert_eq!(helps.collect::<BTreeMap<_, _>>(), expected.helps, "{text}");
    }
}

#[test]
fn names_that_clash_never_make_a_text_that_is_refused() {
    for round in 0..3_000 {
        let format = [Text, OpenMetrics][round % 2];
        let mut samples = 0;
        let text = written(format, |writer| {
            for _ in 0..fastrand::usize(1..8) {
                let ends = iter::repeat_with(|| {
                    [
                        "", "_total", "_sum", "_bucket", "_count", "_created", "_gauge",
                    ][fastrand::usize(..7)]
                });
                let ends: String = ends.take(fastrand::usize(0..3)).collect();
                let kind = [Kind::Counter, Kind::Gauge, Kind::Histogram][fastrand::usize(..3)];
                writer.family(&family(&format!("a{ends}"), kind, ""));
                match kind {
                    Kind::Counter => writer.counter(&[], 1),
                    Kind::Gauge => writer.gauge(&[], 1.0),
                    Kind::Histogram => writer.histogram(&[], &histogram(&[], &[1], 1.0)),
                }
                samples += if kind == Kind::Histogram { 3 } else { 1 };
            }
        });
        let parsed = parsed(format, &text).unwrap_or_else(|error| panic!("{error}\n{text}"));
        assert_eq!(parsed.samples.len(), samples, "{text}");
    }
}

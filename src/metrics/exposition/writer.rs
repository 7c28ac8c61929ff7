//! Writes samples as a text for Prometheus.

use super::{
    super::samples::{Family, Histogram, Kind, Labels, Samples, Unit},
    Format,
    clashes::{self, Shape},
    edges::Edges,
    numbers::{push_count, push_float},
    parts::{push_escaped, push_exemplar, push_labels, push_open_labels},
};

/// The label by which Prometheus knows the buckets of a histogram.
const EDGE: &str = "le";

/// A text that grows family by family.
pub(crate) struct Writer {
    format: Format,
    text: String,
    families: Vec<Written>,
    edges: Edges,
    /// The labels of the last histogram, as they are written.
    labels: String,
}

/// A family in the text.
struct Written {
    name: String,
    kind: Kind,
    unit: Option<Unit>,
    help: String,
    shape: Shape,
    /// Where its description begins, and where its samples do.
    begin: usize,
    samples: usize,
}

// === impl Writer ===

impl Writer {
    pub(crate) fn new(format: Format) -> Self {
        Self {
            format,
            text: String::new(),
            families: Vec::new(),
            edges: Edges::default(),
            labels: String::new(),
        }
    }

    /// The whole text.
    pub(crate) fn finish(mut self) -> String {
        let families = self.families.iter();
        let families: Vec<_> = families.map(|one| (&*one.name, one.kind)).collect();
        if let Some(shapes) = clashes::resolved(self.format, &families) {
            self.text = self.written_again(shapes);
        }
        if self.format == Format::OpenMetrics {
            self.text.push_str("# EOF\n");
        }
        self.text
    }

    /// The text with families in other shapes.
    fn written_again(&self, shapes: Vec<Shape>) -> String {
        let mut text = String::with_capacity(self.text.len());
        let mut followers = self.families.iter().skip(1);
        for (family, shape) in self.families.iter().zip(shapes) {
            let end = followers.next().map_or(self.text.len(), |next| next.begin);
            let samples = self.text.get(family.samples..end).unwrap_or_default();
            push_description(&mut text, self.format, family, &shape);
            for line in samples.split_inclusive('\n') {
                let rest = line.strip_prefix(&*family.shape.sample).unwrap_or(line);
                text.push_str(&shape.sample);
                text.push_str(rest);
            }
        }
        text
    }

    /// Begins a sample whose name ends so.
    fn push_name(&mut self, end: &str) {
        if let Some(family) = self.families.last() {
            self.text.push_str(&family.shape.sample);
        }
        self.text.push_str(end);
    }
}

impl Samples for Writer {
    fn family(&mut self, family: &Family<'_>) {
        let mut family = Written {
            name: family.name.to_owned(),
            kind: family.kind,
            unit: family.unit,
            help: family.help.to_owned(),
            shape: Shape::new(self.format, family.name, family.kind),
            begin: self.text.len(),
            samples: 0,
        };
        push_description(&mut self.text, self.format, &family, &family.shape);
        family.samples = self.text.len();
        self.families.push(family);
    }

    fn counter(&mut self, labels: &Labels<'_>, value: u64) {
        self.push_name("");
        push_labels(&mut self.text, labels);
        self.text.push(' ');
        push_count(&mut self.text, value);
        self.text.push('\n');
    }

    fn seconds_counter(&mut self, labels: &Labels<'_>, seconds: f64) {
        self.gauge(labels, seconds);
    }

    fn gauge(&mut self, labels: &Labels<'_>, value: f64) {
        self.push_name("");
        push_labels(&mut self.text, labels);
        self.text.push(' ');
        push_float(&mut self.text, value);
        self.text.push('\n');
    }

    fn histogram(&mut self, labels: &Labels<'_>, histogram: &Histogram<'_>) {
        let Self {
            format,
            text,
            families,
            edges,
            labels: shown,
        } = self;
        let Some(Written { shape, .. }) = families.last() else {
            return;
        };
        edges.show(*format, histogram.edges);
        shown.clear();
        push_open_labels(shown, labels, Some(EDGE));
        let brace = if shown.is_empty() { "{" } else { "," };
        let bucket = [&shape.sample, "_bucket", shown, brace, "le=\""];
        let all = histogram.count();
        let last = (f64::INFINITY, "+Inf");
        let mut below = 0_u64;
        for (index, (edge, edge_shown)) in edges.iter().chain([last]).enumerate() {
            below = match histogram.counts.get(index) {
                Some(count) if index < histogram.edges.len() => below.wrapping_add(*count),
                _ => all,
            };
            if !edge.is_finite() && index < histogram.edges.len() {
                continue;
            }
            bucket.iter().for_each(|part| text.push_str(part));
            text.push_str(edge_shown);
            text.push_str("\"} ");
            push_count(text, below);
            if *format == Format::OpenMetrics
                && let Some(Some(exemplar)) = histogram.exemplars.get(index)
                && exemplar.value <= edge
            {
                push_exemplar(text, exemplar);
            }
            text.push('\n');
        }
        if *format == Format::OpenMetrics && !can_be_summed(histogram) {
            return;
        }
        let brace = if shown.is_empty() { " " } else { "} " };
        for part in [&shape.sample, "_sum", shown, brace] {
            text.push_str(part);
        }
        push_float(text, histogram.sum);
        for part in ["\n", &shape.sample, "_count", shown, brace] {
            text.push_str(part);
        }
        push_count(text, all);
        text.push('\n');
    }
}

/// Whether OpenMetrics takes the sum, which must never fall there. Without a sum it has no count either, which the last bucket
/// shows.
fn can_be_summed(histogram: &Histogram<'_>) -> bool {
    histogram.sum >= 0.0 && histogram.edges.first().is_none_or(|first| *first >= 0.0)
}

/// The lines that describe a family.
fn push_description(text: &mut String, format: Format, family: &Written, shape: &Shape) {
    let begin_line = |text: &mut String, what: &str| {
        for part in ["# ", what, " ", &shape.family, " "] {
            text.push_str(part);
        }
    };
    let push_help = |text: &mut String| {
        if !family.help.is_empty() {
            begin_line(text, "HELP");
            push_escaped(text, &family.help, format == Format::OpenMetrics);
            text.push('\n');
        }
    };
    if format == Format::Text {
        push_help(text);
    }
    begin_line(text, "TYPE");
    text.push_str(shape.kind);
    text.push('\n');
    if format == Format::OpenMetrics {
        if let Some(unit) = unit(family, shape) {
            begin_line(text, "UNIT");
            text.push_str(unit);
            text.push('\n');
        }
        push_help(text);
    }
}

/// The unit, if OpenMetrics takes it: it must be the end of the name.
fn unit(family: &Written, shape: &Shape) -> Option<&'static str> {
    let unit = match family.unit? {
        Unit::Seconds => "seconds",
        Unit::Bytes => "bytes",
    };
    let stem = shape.family.strip_suffix(unit)?;
    stem.ends_with('_').then_some(unit)
}

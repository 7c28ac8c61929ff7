//! Finds families whose names clash in a text, and names that do not.
//!
//! A family takes more names than its own: those of its samples. A name that two families take makes the text invalid.

use std::collections::{HashMap, HashSet};

use super::{super::samples::Kind, Format};

/// What a counter in OpenMetrics takes at the end of its name, in each sample.
const TOTAL: &str = "_total";

/// How a family is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Shape {
    /// As in the lines that describe the family.
    pub(super) family: String,
    /// What the names of its samples begin with.
    pub(super) sample: String,
    pub(super) kind: &'static str,
}

// === impl Shape ===

impl Shape {
    /// The shape of a family without clashes. In OpenMetrics, a counter without `_total` is of unknown kind: so its series have
    /// the same name in both formats.
    pub(super) fn new(format: Format, name: &str, kind: Kind) -> Self {
        if (format, kind) != (Format::OpenMetrics, Kind::Counter) {
            return Self::plain(name, kind.as_str());
        }
        let Some(base) = base(name) else {
            return Self::plain(name, "unknown");
        };
        Self {
            family: base.to_owned(),
            sample: name.to_owned(),
            kind: kind.as_str(),
        }
    }

    fn plain(name: &str, kind: &'static str) -> Self {
        Self {
            family: name.to_owned(),
            sample: name.to_owned(),
            kind,
        }
    }
}

/// The shapes of all families of a text. `None` if there is no clash.
///
/// - Where two families take the same name in each format, the first keeps its own. The kind is added to the name of the other
///   one.
/// - Where only OpenMetrics sees a clash, because the family of a counter has no `_total` there, the counter is of unknown
///   kind and keeps its name. So no series has another name than in the text format.
pub(super) fn resolved(format: Format, families: &[(&str, Kind)]) -> Option<Vec<Shape>> {
    let mut taken = HashSet::new();
    let mut renamed = false;
    let mut names = Vec::with_capacity(families.len());
    for (name, kind) in families {
        let mut name = (*name).to_owned();
        while taken_by(&name, *kind).any(|one| taken.contains(&one)) {
            name = format!("{name}_{}", kind.as_str());
            renamed = true;
        }
        taken.extend(taken_by(&name, *kind));
        names.push((name, *kind));
    }
    let unknown = match format {
        Format::Text => vec![false; names.len()],
        Format::OpenMetrics => clashing_counters(&names),
    };
    if !renamed && !unknown.contains(&true) {
        return None;
    }
    let shapes = names.iter().zip(unknown);
    let shapes = shapes.map(|((name, kind), unknown)| match unknown {
        true => Shape::plain(name, "unknown"),
        false => Shape::new(format, name, *kind),
    });
    Some(shapes.collect())
}

/// Which families are counters that take a name of another family in OpenMetrics.
fn clashing_counters(families: &[(String, Kind)]) -> Vec<bool> {
    let mut takers = HashMap::<_, u32>::new();
    for (name, kind) in families {
        for one in taken_in_openmetrics(name, *kind) {
            *takers.entry(one).or_default() += 1;
        }
    }
    let clashes = |(name, kind): &(String, Kind)| {
        *kind == Kind::Counter
            && taken_in_openmetrics(name, *kind).any(|one| takers.get(&one) > Some(&1))
    };
    families.iter().map(clashes).collect()
}

/// The names that a family takes in every format.
fn taken_by(name: &str, kind: Kind) -> impl Iterator<Item = String> {
    let suffixes = kind.suffixes().iter();
    suffixes.map(move |suffix| format!("{name}{suffix}"))
}

fn taken_in_openmetrics(name: &str, kind: Kind) -> Box<dyn Iterator<Item = String> + '_> {
    match base(name).filter(|_| kind == Kind::Counter) {
        Some(base) => {
            let ends = ["", TOTAL, "_created"].into_iter();
            Box::new(ends.map(move |end| format!("{base}{end}")))
        }
        None => Box::new(taken_by(name, kind)),
    }
}

/// The name of a counter's family in OpenMetrics. `None` if the counter does not end with `_total`.
fn base(name: &str) -> Option<&str> {
    let base = name.strip_suffix(TOTAL);
    base.filter(|base| !base.is_empty())
}

#[cfg(test)]
mod tests {
    use Kind::{Counter, Gauge, Histogram};

    use super::*;

    fn shown(format: Format, families: &[(&str, Kind)]) -> Vec<String> {
        let shapes = resolved(format, families).unwrap();
        let shapes = shapes.into_iter();
        let shapes =
            shapes.map(|shape| format!("{} {} {}", shape.family, shape.sample, shape.kind));
        shapes.collect()
    }

    #[test]
    fn families_without_a_clash_stay_as_they_are() {
        let families = [("a_total", Counter), ("b", Gauge), ("c", Histogram)];
        for format in [Format::Text, Format::OpenMetrics] {
            assert_eq!(resolved(format, &families), None);
        }
    }

    #[test]
    fn a_counter_beside_its_own_base_keeps_its_name_in_openmetrics() {
        let mut families = [("a", Gauge), ("a_total", Counter)];
        for _ in 0..2 {
            assert_eq!(resolved(Format::Text, &families), None);
            let mut shown = shown(Format::OpenMetrics, &families);
            shown.sort();
            assert_eq!(shown, ["a a gauge", "a_total a_total unknown"]);
            families.reverse();
        }
        let two = [("a", Counter), ("a_total", Counter)];
        assert_eq!(
            shown(Format::OpenMetrics, &two),
            ["a a unknown", "a_total a_total unknown"]
        );
        let created = [("a_total", Counter), ("a_created", Gauge), ("b", Counter)];
        assert_eq!(
            shown(Format::OpenMetrics, &created),
            [
                "a_total a_total unknown",
                "a_created a_created gauge",
                "b b unknown"
            ]
        );
    }

    #[test]
    fn the_first_of_two_families_keeps_its_name() {
        for format in [Format::Text, Format::OpenMetrics] {
            let after = [("h", Histogram), ("h_sum", Gauge), ("h_sum_gauge", Gauge)];
            assert_eq!(
                shown(format, &after),
                [
                    "h h histogram",
                    "h_sum_gauge h_sum_gauge gauge",
                    "h_sum_gauge_gauge h_sum_gauge_gauge gauge"
                ]
            );
            let before = [("h_count", Gauge), ("h", Histogram), ("h", Gauge)];
            assert_eq!(
                shown(format, &before),
                [
                    "h_count h_count gauge",
                    "h_histogram h_histogram histogram",
                    "h h gauge"
                ]
            );
        }
    }

    #[test]
    fn a_counter_has_one_name_in_both_formats() {
        for (name, family, kind) in [
            ("a_total", "a", "counter"),
            ("a", "a", "unknown"),
            ("_total", "_total", "unknown"),
        ] {
            let shape = Shape::new(Format::OpenMetrics, name, Counter);
            let told = (&*shape.family, &*shape.sample, shape.kind);
            assert_eq!(told, (family, name, kind));
            assert_eq!(Shape::new(Format::Text, name, Counter).sample, name);
        }
    }
}

//! Parses the text format of Prometheus, version 0.0.4, and refuses everything that the format does not allow.

use std::collections::{BTreeMap, BTreeSet};

use tower_vitals::Vitals;

type Labels = BTreeMap<String, String>;

/// The content of a scrape.
#[derive(Debug, Default)]
pub(crate) struct Exposition {
    pub(crate) types: BTreeMap<String, String>,
    pub(crate) samples: BTreeMap<(String, Labels), f64>,
}

// === impl Exposition ===

impl Exposition {
    /// The content of a scrape of this stack.
    pub(crate) fn of(vitals: &Vitals) -> Self {
        Self::parse(&vitals.render()).unwrap()
    }

    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut exposition = Self::default();
        let mut helps = BTreeSet::new();
        let mut closed = BTreeSet::new();
        let mut family = String::new();
        if !text.is_empty() && !text.ends_with('\n') {
            return Err("the last line does not end".into());
        }
        for line in text.lines().filter(|line| !line.is_empty()) {
            if let Some(help) = line.strip_prefix("# HELP ") {
                let name = help.split(' ').next().unwrap_or_default();
                if !helps.insert(name.to_owned()) {
                    return Err(format!("HELP twice: {line}"));
                }
            } else if let Some(kind) = line.strip_prefix("# TYPE ") {
                let (name, kind) = kind.split_once(' ').ok_or(line)?;
                if !["counter", "gauge", "histogram"].contains(&kind) {
                    return Err(format!("no such type: {line}"));
                }
                let known = exposition.types.insert(name.to_owned(), kind.to_owned());
                if known.is_some() {
                    return Err(format!("TYPE twice: {line}"));
                }
            } else if line.starts_with('#') {
                return Err(format!("a comment that is neither HELP nor TYPE: {line}"));
            } else {
                let (name, labels, value) = sample(line).ok_or(format!("no sample: {line}"))?;
                let of = exposition
                    .family_of(&name)
                    .ok_or(format!("no TYPE: {line}"))?;
                if of != family {
                    if !closed.insert(of.clone()) {
                        return Err(format!("family in two places: {line}"));
                    }
                    family = of;
                }
                if exposition.samples.insert((name, labels), value).is_some() {
                    return Err(format!("sample twice: {line}"));
                }
            }
        }
        exposition.check_histograms()?;
        Ok(exposition)
    }

    fn family_of(&self, name: &str) -> Option<String> {
        if self.types.contains_key(name) {
            return Some(name.to_owned());
        }
        ["_bucket", "_sum", "_count"]
            .iter()
            .filter_map(|suffix| name.strip_suffix(suffix))
            .find(|family| {
                self.types
                    .get(*family)
                    .is_some_and(|kind| kind == "histogram")
            })
            .map(str::to_owned)
    }

    /// Checks that buckets are cumulative and that the last one holds everything.
    fn check_histograms(&self) -> Result<(), String> {
        for (family, _) in self.types.iter().filter(|(_, kind)| *kind == "histogram") {
            let mut buckets: BTreeMap<Labels, Vec<(f64, f64)>> = BTreeMap::new();
            let bucket = format!("{family}_bucket");
            for ((_, labels), value) in self.samples.iter().filter(|((name, _), _)| *name == bucket)
            {
                let mut labels = labels.clone();
                let le = labels.remove("le").ok_or("a bucket without le")?;
                let le = le.replace("+Inf", "inf").parse().map_err(|_| "a bad le")?;
                buckets.entry(labels).or_default().push((le, *value));
            }
            for (labels, mut buckets) in buckets {
                buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
                let rising = buckets.windows(2).all(|pair| pair[0].1 <= pair[1].1);
                let last = buckets.last().filter(|(le, _)| le.is_infinite());
                let count = self
                    .samples
                    .get(&(format!("{family}_count"), labels.clone()));
                let sum = self.samples.get(&(format!("{family}_sum"), labels.clone()));
                if !rising
                    || last.map(|(_, all)| all) != count
                    || !sum.is_some_and(|sum| sum.is_finite())
                {
                    return Err(format!("a broken histogram: {family} {labels:?}"));
                }
            }
        }
        Ok(())
    }

    /// The sum of a name's samples that have all of `labels`.
    pub(crate) fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let has = |of: &Labels| {
            labels
                .iter()
                .all(|(label, value)| of.get(*label).is_some_and(|of| of == value))
        };
        let samples = self.samples.iter();
        samples
            .filter(|((of, labels), _)| of == name && has(labels))
            .map(|(_, value)| value)
            .sum()
    }

    /// How many requests had this severity.
    pub(crate) fn severity(&self, severity: &str) -> f64 {
        self.sum("http_requests_by_severity_total", &[("severity", severity)])
    }

    /// The values that a label has in a family.
    pub(crate) fn values(&self, name: &str, label: &str) -> BTreeSet<String> {
        let samples = self.samples.keys();
        samples
            .filter(|(of, _)| of == name)
            .filter_map(|(_, labels)| labels.get(label).cloned())
            .collect()
    }
}

fn sample(line: &str) -> Option<(String, Labels, f64)> {
    let end = line.find(['{', ' '])?;
    let (name, mut rest) = line.split_at(end);
    is_name(name, true).then_some(())?;
    let mut labels = Labels::new();
    if let Some(inside) = rest.strip_prefix('{') {
        rest = inside;
        while !rest.starts_with('}') {
            let (label, after) = rest.split_once("=\"")?;
            is_name(label, false).then_some(())?;
            let (value, after) = quoted(after)?;
            labels
                .insert(label.to_owned(), value)
                .is_none()
                .then_some(())?;
            rest = after.strip_prefix(',').unwrap_or(after);
        }
        rest = &rest[1..];
    }
    let value = rest.strip_prefix(' ')?;
    Some((
        name.to_owned(),
        labels,
        value.replace("+Inf", "inf").parse().ok()?,
    ))
}

/// The text before the closing quote, unescaped, and the text after it.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut characters = text.char_indices();
    loop {
        match characters.next()? {
            (at, '"') => return Some((value, &text[at + 1..])),
            (_, '\\') => value.push(match characters.next()?.1 {
                'n' => '\n',
                escaped @ ('\\' | '"') => escaped,
                _ => return None,
            }),
            (_, plain) => value.push(plain),
        }
    }
}

fn is_name(name: &str, colon: bool) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '_' || (colon && c == ':');
    !name.is_empty() && name.chars().all(fits) && !name.starts_with(|c: char| c.is_ascii_digit())
}

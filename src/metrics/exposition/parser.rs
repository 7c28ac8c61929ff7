//! Parses texts for Prometheus, and refuses everything that their formats do not allow. Tests in both packages use it.

use std::collections::{BTreeMap, BTreeSet};

use self::line::{Line, is_name, number, unescaped};

// Tests outside of the crate take this file by its path.
#[path = "parser/line.rs"]
mod line;

pub(crate) type Labels = BTreeMap<String, String>;

/// The content of a text.
#[derive(Debug, Default)]
pub(crate) struct Parsed {
    pub(crate) families: BTreeMap<String, Described>,
    /// By name and labels.
    pub(crate) samples: BTreeMap<(String, Labels), f64>,
    /// By name and labels of their buckets.
    pub(crate) exemplars: BTreeMap<(String, Labels), Exemplar>,
}

/// What a text says of a family.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Described {
    pub(crate) kind: String,
    pub(crate) help: Option<String>,
    pub(crate) unit: Option<String>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Exemplar {
    pub(crate) labels: Labels,
    pub(crate) value: f64,
    pub(crate) at: f64,
}

/// Reads line by line.
struct Parser {
    openmetrics: bool,
    parsed: Parsed,
    /// The family that the last line was about.
    family: String,
    /// How many samples it has.
    samples: usize,
    /// All names that families so far have or could have.
    names: BTreeSet<String>,
    /// The series of the family, in the order in which they came.
    series: Vec<Series>,
}

/// The samples of a family with the same labels.
#[derive(Default)]
struct Series {
    /// Without `le`.
    labels: Labels,
    /// Upper edges and counts.
    buckets: Vec<(f64, f64)>,
    sum: Option<f64>,
    count: Option<f64>,
}

impl Parsed {
    /// Prometheus' text format, version 0.0.4.
    pub(crate) fn text(text: &str) -> Result<Self, String> {
        if !text.is_empty() && !text.ends_with('\n') {
            return Err("the last line does not end".into());
        }
        let lines = text.split('\n').filter(|line| !line.is_empty());
        Parser::new(false).parse(lines)
    }

    /// OpenMetrics, version 1.0.0.
    pub(crate) fn openmetrics(text: &str) -> Result<Self, String> {
        let Some(lines) = text.strip_suffix("# EOF\n") else {
            return Err("no EOF at the end".into());
        };
        if !lines.is_empty() && !lines.ends_with('\n') {
            return Err("the last line does not end".into());
        }
        Parser::new(true).parse(lines.split_terminator('\n'))
    }
}

impl Parser {
    fn new(openmetrics: bool) -> Self {
        Self {
            openmetrics,
            parsed: Parsed::default(),
            family: String::new(),
            samples: 0,
            names: BTreeSet::new(),
            series: Vec::new(),
        }
    }

    fn parse<'a>(mut self, lines: impl Iterator<Item = &'a str>) -> Result<Parsed, String> {
        for line in lines {
            let read = match line.strip_prefix("# ") {
                Some(described) => self.describe(described),
                None => self.sample(line),
            };
            read.map_err(|reason| format!("{reason}: {line}"))?;
        }
        self.close()?;
        Ok(self.parsed)
    }

    /// Reads what follows `# `.
    fn describe(&mut self, line: &str) -> Result<(), String> {
        let mut parts = line.splitn(3, ' ');
        let (Some(what), Some(name), Some(text)) = (parts.next(), parts.next(), parts.next())
        else {
            return Err("no description".into());
        };
        if !is_name(name, true) {
            return Err("a bad name".into());
        }
        if name != self.family {
            self.close()?;
            if self.parsed.families.contains_key(name) {
                return Err("a family in two places".into());
            }
            name.clone_into(&mut self.family);
        } else if self.samples > 0 {
            return Err("a description after samples".into());
        }
        let openmetrics = self.openmetrics;
        let family = self.parsed.families.entry(name.to_owned()).or_default();
        match what {
            "TYPE" => {
                let known = ["counter", "gauge", "histogram"].contains(&text);
                if !(known || openmetrics && text == "unknown") {
                    return Err("no such type".into());
                }
                if !std::mem::replace(&mut family.kind, text.to_owned()).is_empty() {
                    return Err("TYPE twice".into());
                }
            }
            "HELP" => {
                let escaped = if openmetrics { "\\\"\n" } else { "\\\n" };
                let help = unescaped(text, escaped).ok_or("a bad escape")?;
                if family.help.replace(help).is_some() {
                    return Err("HELP twice".into());
                }
            }
            "UNIT" if openmetrics => {
                if !name.ends_with(&format!("_{text}")) {
                    return Err("a unit that is not in the name".into());
                }
                if family.unit.replace(text.to_owned()).is_some() {
                    return Err("UNIT twice".into());
                }
            }
            _ => return Err("a comment".into()),
        }
        Ok(())
    }

    fn sample(&mut self, line: &str) -> Result<(), String> {
        let line = Line::parse(line).ok_or("no sample")?;
        let kind = match self.parsed.families.get(&self.family) {
            Some(family) if !family.kind.is_empty() => family.kind.as_str(),
            _ => return Err("no TYPE".into()),
        };
        let end = line.name.strip_prefix(&*self.family);
        let end = end.ok_or("a sample of another family")?;
        let fits = match kind {
            "counter" if self.openmetrics => end == "_total",
            "histogram" => ["_bucket", "_sum", "_count"].contains(&end),
            _ => end.is_empty(),
        };
        if !fits {
            return Err("a sample of another family".into());
        }
        let rises = matches!(end, "_bucket" | "_count" | "_total") || kind == "counter";
        let rises = rises || (self.openmetrics && end == "_sum");
        if rises && (line.value.is_nan() || line.value < 0.0) {
            return Err("a number that can not rise".into());
        }
        if line.exemplar.is_some() && !(self.openmetrics && matches!(end, "_bucket" | "_total")) {
            return Err("an exemplar in a wrong place".into());
        }
        self.samples += 1;
        let mut labels = line.labels.clone();
        if kind == "histogram" {
            let edge = labels.remove("le");
            let edge = match (end, edge) {
                ("_bucket", Some(edge)) => Some(self.edge(&edge)?),
                ("_bucket", None) => return Err("a bucket without le".into()),
                (_, Some(_)) => return Err("le without a bucket".into()),
                _ => None,
            };
            if let (Some(edge), Some(exemplar)) = (edge, &line.exemplar)
                && exemplar.value > edge
            {
                return Err("an exemplar in a wrong place".into());
            }
            self.part_of_histogram(labels, end, edge, line.value)?;
        }
        let key = (line.name, line.labels);
        if let Some(exemplar) = line.exemplar {
            self.parsed.exemplars.insert(key.clone(), exemplar);
        }
        match self.parsed.samples.insert(key, line.value) {
            Some(_) => Err("a sample twice".into()),
            None => Ok(()),
        }
    }

    fn edge(&self, text: &str) -> Result<f64, String> {
        let edge = number(text).filter(|edge| !edge.is_nan());
        let is_float = text.contains(['.', 'e', 'I']);
        let edge = edge.filter(|_| is_float || !self.openmetrics);
        edge.ok_or_else(|| "a bad le".into())
    }

    fn part_of_histogram(
        &mut self,
        labels: Labels,
        end: &str,
        edge: Option<f64>,
        value: f64,
    ) -> Result<(), String> {
        if self.series.last().is_none_or(|last| last.labels != labels) {
            if self.series.iter().any(|other| other.labels == labels) {
                return Err("a series in two places".into());
            }
            self.series.push(Series {
                labels,
                ..Series::default()
            });
        }
        let series = self.series.last_mut().ok_or("no series")?;
        match edge {
            Some(edge) => {
                let below = series.buckets.last();
                if below.is_some_and(|below| edge <= below.0 || value < below.1) {
                    return Err("buckets that do not rise".into());
                }
                series.buckets.push((edge, value));
            }
            None if end == "_sum" => series.sum = Some(value),
            None => series.count = Some(value),
        }
        Ok(())
    }

    /// Ends a family.
    fn close(&mut self) -> Result<(), String> {
        let name = std::mem::take(&mut self.family);
        self.samples = 0;
        for series in std::mem::take(&mut self.series) {
            let last = series.buckets.last().filter(|(edge, _)| edge.is_infinite());
            let below_zero = series.buckets.iter().any(|(edge, _)| *edge < 0.0);
            let whole = match (series.sum, series.count) {
                (Some(_), Some(count)) => {
                    last.is_some_and(|(_, all)| *all == count) && !(self.openmetrics && below_zero)
                }
                (None, None) => last.is_some() && self.openmetrics,
                _ => false,
            };
            if !whole {
                return Err(format!("a broken histogram: {name} {:?}", series.labels));
            }
        }
        let Some(family) = self.parsed.families.get(&name) else {
            return Ok(());
        };
        let ends: &[_] = match family.kind.as_str() {
            "counter" if self.openmetrics => &["", "_total", "_created"],
            "histogram" if self.openmetrics => &["", "_bucket", "_sum", "_count", "_created"],
            "histogram" => &["", "_bucket", "_sum", "_count"],
            "" => return Err(format!("no TYPE: {name}")),
            _ => &[""],
        };
        for end in ends {
            let taken = format!("{name}{end}");
            if !self.names.insert(taken) {
                return Err(format!("a name of two families: {name}{end}"));
            }
        }
        Ok(())
    }
}

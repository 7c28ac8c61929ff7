//! Writes the queries of panels over the names of the catalog.

use crate::{
    alerts::Published,
    facts::work::CallOutcome,
    metrics::{Names, catalog::Id},
};

/// The range of rates, which Grafana fits to what is shown and to how often Prometheus scrapes.
const RATE: &str = "$__rate_interval";

/// The labels of a target: its job, and its address.
const JOB: &str = "job";
const INSTANCE: &str = "instance";

/// A query, and how its series are called: a text in which `{{label}}` is the value of a label.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Query {
    pub(super) expr: String,
    pub(super) legend: String,
}

/// The names that `/metrics` has.
#[derive(Clone, Copy, Debug)]
pub(super) struct Catalog<'n> {
    pub(super) published: Published<'n>,
    pub(super) names: Names,
}

/// A query over one family, while it is put together.
#[derive(Clone, Debug)]
pub(super) struct Of<'n> {
    published: Published<'n>,
    id: Id,
    suffix: &'static str,
    only: Vec<(usize, String)>,
    by: Vec<String>,
    name: &'static str,
}

// === impl Catalog ===

impl<'n> Catalog<'n> {
    pub(super) fn of(self, id: Id) -> Of<'n> {
        Of {
            published: self.published,
            id,
            suffix: "",
            only: Vec::new(),
            by: Vec::new(),
            name: "",
        }
    }

    /// What was counted by a histogram.
    pub(super) fn count(self, id: Id) -> Of<'n> {
        self.of(id).suffixed("_count")
    }

    /// The requests that ended, of which the label with place 2 is the status.
    pub(super) fn requests(self) -> Of<'n> {
        match self.names {
            Names::Prometheus => self.of(Id::Requests),
            // They have no counter beside the histogram.
            Names::OpenTelemetry => self.count(Id::Duration),
        }
    }
}

// === impl Of ===

impl Of<'_> {
    /// Only those series whose label at this place fits the regular expression.
    pub(super) fn only(mut self, place: usize, expression: impl Into<String>) -> Self {
        self.only.push((place, expression.into()));
        self
    }

    /// Tells the values of the label at this place apart.
    pub(super) fn by(mut self, place: usize) -> Self {
        let labels = self.published.labels(self.id);
        let label = labels.get(place).map(|label| (*label).to_owned());
        self.by.extend(label);
        self
    }

    /// Of a histogram, its samples that end so.
    pub(super) fn suffixed(mut self, suffix: &'static str) -> Self {
        self.suffix = suffix;
        self
    }

    /// Tells targets of Prometheus apart.
    pub(super) fn by_target(mut self) -> Self {
        self.by.extend([JOB, INSTANCE].map(str::to_owned));
        self
    }

    /// Tells processes apart.
    pub(super) fn by_instance(mut self) -> Self {
        self.by.push(INSTANCE.to_owned());
        self
    }

    /// What stands in the legend beside the values of the labels.
    pub(super) fn named(mut self, name: &'static str) -> Self {
        self.name = name;
        self
    }

    /// How many there are in a second.
    pub(super) fn rate(self) -> Option<Query> {
        let rate = format!("rate({}[{RATE}])", self.selector(self.suffix)?);
        Some(self.query(self.grouped("sum", &rate)))
    }

    /// How many there were in a stretch of time.
    pub(super) fn increase(self, range: &str) -> Option<Query> {
        self.increase_before(range, "")
    }

    /// The same, as it was some time ago.
    pub(super) fn increase_before(self, range: &str, offset: &str) -> Option<Query> {
        let increase = format!("increase({}[{range}]{offset})", self.selector(self.suffix)?);
        Some(self.query(self.grouped("sum", &increase)))
    }

    /// What is now, by an aggregation such as `max`.
    pub(super) fn now(self, aggregation: &str) -> Option<Query> {
        let selector = self.selector(self.suffix)?;
        Some(self.query(self.grouped(aggregation, &selector)))
    }

    /// What so many per cent do not exceed, of a histogram.
    pub(super) fn quantile(self, percent: u8) -> Option<Query> {
        let rate = format!("rate({}[{RATE}])", self.selector("_bucket")?);
        let mut by = vec!["le".to_owned()];
        by.extend(self.by.iter().cloned());
        let buckets = format!("sum by ({}) ({rate})", by.join(", "));
        let quantile = f64::from(percent) / 100.0;
        Some(self.query(format!("histogram_quantile({quantile}, {buckets})")))
    }

    /// The mean of a histogram.
    pub(super) fn mean(self) -> Option<Query> {
        let [sum, count] = ["_sum", "_count"].map(|suffix| self.selector(suffix));
        let rate = |selector| self.grouped("sum", &format!("rate({selector}[{RATE}])"));
        let (sum, count) = (rate(sum?), rate(count?));
        Some(self.query(format!("{sum} / {count}")))
    }

    pub(super) fn selector(&self, suffix: &str) -> Option<String> {
        let only = self.only.iter();
        let only: Vec<_> = only
            .map(|(place, value)| (*place, value.as_str()))
            .collect();
        self.published.viewed(self.id, suffix, &only)
    }

    fn grouped(&self, aggregation: &str, argument: &str) -> String {
        grouped(aggregation, &self.by, argument)
    }

    fn query(&self, expr: String) -> Query {
        Query {
            expr,
            legend: legend(&self.by, self.name),
        }
    }
}

// === impl Query ===

impl Query {
    /// Of an expression whose series have no labels that tell them apart.
    pub(super) fn of(expr: impl Into<String>, name: &str) -> Self {
        Self {
            expr: expr.into(),
            legend: name.to_owned(),
        }
    }

    /// The same series with other values. `written` writes the expression around the one that there is.
    pub(super) fn map(mut self, written: impl FnOnce(&str) -> String) -> Self {
        self.expr = written(&self.expr);
        self
    }
}

/// An aggregation that keeps these labels apart.
pub(super) fn grouped(aggregation: &str, by: &[String], argument: &str) -> String {
    match by {
        [] => format!("{aggregation}({argument})"),
        by => format!("{aggregation} by ({}) ({argument})", by.join(", ")),
    }
}

/// The values of these labels, and a name.
pub(super) fn legend(by: &[String], name: &str) -> String {
    let mut parts: Vec<_> = by.iter().map(|label| format!("{{{{{label}}}}}")).collect();
    if !name.is_empty() {
        parts.push(name.to_owned());
    }
    parts.join(" ")
}

/// How many per cent of the whole the part is, as the whole is called. Where the whole has a series and the part has none, it is 0.
pub(super) fn percent(part: Option<Query>, whole: Option<Query>) -> Option<Query> {
    let (part, whole) = (part?, whole?);
    let part = part.expr;
    Some(whole.map(|whole| format!("100 * ({part} or 0 * {whole}) / {whole}")))
}

/// A regular expression for the outcomes of calls and runs that failed.
pub(super) fn failed_outcomes() -> String {
    let all = CallOutcome::ALL.into_iter();
    let failed = all.filter(|outcome| outcome.is_failure());
    failed
        .map(CallOutcome::as_str)
        .collect::<Vec<_>>()
        .join("|")
}

/// How long ago it was, or how long it is until then.
pub(super) fn since(query: Option<Query>) -> Option<Query> {
    query.map(|query| query.map(|at| format!("time() - {at}")))
}

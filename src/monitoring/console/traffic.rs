//! Shows the requests: now, in the last hour, by endpoint and by category.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Serialize, Serializer, ser::SerializeSeq};

use crate::{
    facts::severity::{Severity, SeverityBands},
    statistics::{
        EndpointOrder, EndpointStatistics, ErrorStatistics, Hour, Overview, Requests, Step, Steps,
        WallTime,
    },
    text::millis,
};

/// The most endpoints that are shown.
const MOST_ENDPOINTS: usize = 2_000;

/// The most pairs of a category and an endpoint that are shown.
const MOST_ERRORS: usize = 200;

/// The names of the values in a row of an endpoint.
const COLUMNS: [&str; 17] = [
    "method",
    "endpoint",
    "requests",
    "errors",
    "client_errors",
    "error_rate",
    "mean_ms",
    "p50_ms",
    "p95_ms",
    "p99_ms",
    "max_ms",
    "total_ms",
    "normal",
    "slow",
    "warning",
    "critical",
    "trend",
];

/// The last minute.
#[derive(Debug, Serialize)]
pub(super) struct NowSection<'o> {
    window_seconds: u64,
    covered_seconds: f64,
    requests: u64,
    errors: u64,
    requests_per_second: Option<f64>,
    error_rate: Option<f64>,
    p50_ms: Option<f64>,
    p95_ms: Option<f64>,
    p99_ms: Option<f64>,
    max_ms: Option<f64>,
    in_flight: u64,
    severities: &'o BTreeMap<&'static str, u64>,
    bands_ms: [f64; 3],
}

/// Some steps, with one list for each number.
#[derive(Debug, Serialize)]
pub(super) struct Series {
    begin: WallTime,
    step_seconds: u64,
    requests_per_second: Vec<Option<f64>>,
    error_rate: Vec<Option<f64>>,
    p50_ms: Vec<Option<f64>>,
    p95_ms: Vec<Option<f64>>,
    p99_ms: Vec<Option<f64>>,
    normal: Vec<Option<u64>>,
    slow: Vec<Option<u64>>,
    warning: Vec<Option<u64>>,
    critical: Vec<Option<u64>>,
}

/// The last hour.
#[derive(Debug, Serialize)]
pub(super) struct HourSection {
    #[serde(flatten)]
    series: Series,
    in_flight: Vec<Option<u64>>,
}

#[derive(Debug, Serialize)]
pub(super) struct EndpointsSection<'o> {
    window_seconds: f64,
    covered_seconds: f64,
    endpoints_count: usize,
    trend: Begin,
    columns: [&'static str; COLUMNS.len()],
    rows: Vec<Row<'o>>,
}

#[derive(Debug, Serialize)]
struct Begin {
    begin: WallTime,
    step_seconds: u64,
}

/// An endpoint, as a list of its values.
#[derive(Debug)]
struct Row<'o> {
    endpoint: &'o EndpointStatistics,
    trend: Vec<Option<u64>>,
}

#[derive(Debug, Serialize)]
pub(super) struct ErrorsSection<'o> {
    window_seconds: f64,
    errors_count: usize,
    errors: &'o [ErrorStatistics],
    hour: CategoriesSection,
}

#[derive(Debug, Serialize)]
struct CategoriesSection {
    #[serde(flatten)]
    begin: Begin,
    categories: BTreeMap<&'static str, Vec<Option<u64>>>,
}

// === impl NowSection ===

impl<'o> NowSection<'o> {
    pub(super) fn new(overview: &'o Overview, bands: SeverityBands) -> Self {
        let now = &overview.now;
        let covered = overview.now_covered.as_secs_f64();
        Self {
            window_seconds: 60,
            // A window begins with a slot, so more can be observed than was asked for.
            covered_seconds: covered.min(60.0),
            requests: now.requests,
            errors: now.errors,
            requests_per_second: (covered > 0.0).then(|| now.requests as f64 / covered),
            error_rate: now.error_rate,
            p50_ms: now.p50_ms,
            p95_ms: now.p95_ms,
            p99_ms: now.p99_ms,
            max_ms: now.max_ms,
            in_flight: overview.lately.in_flight,
            severities: &now.severities,
            bands_ms: bands_ms(bands),
        }
    }
}

pub(super) fn bands_ms(bands: SeverityBands) -> [f64; 3] {
    bands.edges().map(millis)
}

// === impl Series ===

impl Series {
    pub(super) fn of(steps: &Steps<Step>) -> Self {
        let all = steps.all();
        let rates = |rate: fn(&Step) -> Option<f64>| all.iter().map(rate).collect();
        let counts = |severity: Severity| {
            let known = |step: &Step| !step.covered.is_zero();
            let count = |step: &Step| step.severities.get(severity as usize).copied();
            let counts = all.iter().map(|step| count(step).filter(|_| known(step)));
            counts.collect()
        };
        Self {
            begin: WallTime::new(steps.begin()),
            step_seconds: steps.length().as_secs(),
            requests_per_second: rates(Step::requests_per_second),
            error_rate: rates(|step| step.error_rate),
            p50_ms: rates(|step| step.p50_ms),
            p95_ms: rates(|step| step.p95_ms),
            p99_ms: rates(|step| step.p99_ms),
            normal: counts(Severity::Normal),
            slow: counts(Severity::Slow),
            warning: counts(Severity::Warning),
            critical: counts(Severity::Critical),
        }
    }
}

// === impl HourSection ===

impl HourSection {
    pub(super) fn new(hour: &Hour, in_flight: u64) -> Self {
        Self {
            series: Series::of(&hour.minutes),
            in_flight: Step::in_flight(hour.minutes.all(), in_flight),
        }
    }
}

// === impl EndpointsSection ===

impl<'o> EndpointsSection<'o> {
    pub(super) fn new(overview: &'o Overview, hour: &Hour) -> Self {
        let lately = &overview.lately;
        let endpoints = lately.endpoints(EndpointOrder::Requests);
        let mut trends = Requests::by_endpoint(hour.trend.all());
        let shown = endpoints.iter().take(MOST_ENDPOINTS);
        Self {
            window_seconds: lately.window_seconds,
            covered_seconds: lately.covered_seconds.min(lately.window_seconds),
            endpoints_count: endpoints.len(),
            trend: Begin::of(&hour.trend),
            columns: COLUMNS,
            rows: shown
                .map(|endpoint| Row {
                    trend: trends
                        .remove(&(endpoint.endpoint.as_str(), endpoint.method))
                        .unwrap_or_default(),
                    endpoint,
                })
                .collect(),
        }
    }
}

impl Serialize for Row<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let EndpointStatistics {
            method,
            endpoint,
            traffic,
            ..
        } = self.endpoint;
        let mut row = serializer.serialize_seq(Some(COLUMNS.len()))?;
        row.serialize_element(method)?;
        row.serialize_element(endpoint)?;
        for count in [traffic.requests, traffic.errors, traffic.client_errors] {
            row.serialize_element(&count)?;
        }
        for number in [
            traffic.error_rate,
            traffic.mean_ms,
            traffic.p50_ms,
            traffic.p95_ms,
            traffic.p99_ms,
            traffic.max_ms,
            Some(traffic.total_ms),
        ] {
            row.serialize_element(&number)?;
        }
        for severity in Severity::ALL {
            let count = traffic.severities.get(severity.as_str());
            row.serialize_element(count.unwrap_or(&0))?;
        }
        row.serialize_element(&self.trend)?;
        row.end()
    }
}

// === impl Begin ===

impl Begin {
    fn of<T>(steps: &Steps<T>) -> Self {
        Self {
            begin: WallTime::new(steps.begin()),
            step_seconds: steps.length().as_secs(),
        }
    }
}

// === impl ErrorsSection ===

impl<'o> ErrorsSection<'o> {
    pub(super) fn new(overview: &'o Overview, hour: &Hour) -> Self {
        let lately = &overview.lately;
        let errors = &lately.errors;
        let steps = hour.minutes.all();
        let names: BTreeSet<_> = steps
            .iter()
            .flat_map(|step| step.categories.keys())
            .collect();
        let of = |name: &'static str| {
            let counts = steps.iter().map(|step| {
                let count = step.categories.get(name).copied().unwrap_or(0);
                (!step.covered.is_zero()).then_some(count)
            });
            (name, counts.collect())
        };
        Self {
            window_seconds: lately.window_seconds,
            errors_count: errors.len(),
            errors: errors.get(..MOST_ERRORS).unwrap_or(errors),
            hour: CategoriesSection {
                begin: Begin::of(&hour.minutes),
                categories: names.into_iter().map(|name| of(name)).collect(),
            },
        }
    }
}

//! Gathers the samples of all families of this crate at one moment.

mod alerts;
mod calls;
mod checks;
mod fleet;
mod notifications;
#[cfg(feature = "statistics")]
pub(super) mod parts;
mod routes;
mod work;

use std::collections::{BTreeMap, HashSet};

use self::{
    calls::{call_durations, calls},
    routes::Route,
};
use super::{
    Metrics,
    catalog::{self, Id},
    checks::CheckReading,
    names::Names,
    one_family::OneFamily,
    prometheus::{self, Unkept},
    sampled,
    samples::Samples,
    series::{Series, SeriesKey},
    settings::Settings,
    sink::Sink,
    table::Table,
    totals::Totals,
};
use crate::{
    facts::{
        category::ErrorCategory,
        exchange::Outcome,
        labels::{MethodLabel, StatusLabel},
        severity::Severity,
    },
    release::Release,
};

/// The route of failures on excluded paths.
pub(crate) const EXCLUDED: &str = "excluded";

/// Gives the samples of all families. Families without a series are left out. Before the process counts there are only checks,
/// under the names of this crate.
pub(super) fn gather(metrics: Option<&Metrics>, checks: &[CheckReading], out: &mut dyn Samples) {
    let unset = Settings::new();
    let settings = metrics.map_or(&unset, Metrics::settings);
    let gathered = metrics.map(|metrics| Gathered::new(metrics, out.wants_fine()));
    for entry in catalog::all() {
        let Some(spelling) = entry.spelling(settings.names) else {
            continue;
        };
        let mut family = OneFamily::new(entry, spelling, &settings.naming, out);
        match entry.id {
            Id::HealthStatus
            | Id::HealthDuration
            | Id::HealthLastSuccess
            | Id::CertificateExpiry => checks::checks(checks, &mut family),
            _ => {
                if let Some(gathered) = &gathered {
                    gathered.give(&mut family);
                }
            }
        }
    }
}

/// What is read once, since several families show it.
struct Gathered<'m> {
    metrics: &'m Metrics,
    names: Names,
    scheme: &'static str,
    totals: Totals,
    /// What the recorder of this crate could not keep as it was recorded.
    application: Unkept,
    deployments: BTreeMap<String, f64>,
    routes: Vec<Route>,
    sampled: sampled::Samples,
}

// === impl Gathered ===

impl<'m> Gathered<'m> {
    fn new(metrics: &'m Metrics, fine: bool) -> Self {
        let settings = metrics.settings();
        Self {
            metrics,
            names: settings.names,
            scheme: settings.scheme,
            totals: metrics.totals(),
            application: match metrics.is_global() {
                true => prometheus::unkept(),
                false => Unkept::default(),
            },
            // A copy: nobody waits for this lock.
            deployments: metrics.deployments().clone(),
            routes: Route::all(&metrics.inner.http, settings.names, fine),
            sampled: Metrics::samplers_of(Some(metrics)).read(),
        }
    }

    /// Gives all samples of a family.
    fn give(&self, family: &mut OneFamily<'_>) {
        let Self { totals, .. } = self;
        let inner = &*self.metrics.inner;
        let build = inner.build.get();
        let sizes = inner.sizes.get();
        match family.id() {
            Id::Started => family.counter(&[], totals.started),
            Id::Requests => self.requests(family),
            Id::Duration => self.durations(family),
            Id::Streams => self.histograms(family, &inner.streams),
            Id::InFlight => self.in_flight(family),
            Id::Severities => {
                for (index, severity) in Severity::ALL.into_iter().enumerate() {
                    let of_routes = self.routes.iter().map(|route| route.severities[index]);
                    let all = of_routes.fold(0, u64::wrapping_add);
                    family.counter(&[severity.as_str()], all);
                }
            }
            Id::SeveritiesByRoute => {
                for route in &self.routes {
                    let severities = Severity::ALL.into_iter().zip(route.severities);
                    for (severity, requests) in severities.filter(|(_, requests)| *requests > 0) {
                        family.counter(&[&route.endpoint, severity.as_str()], requests);
                    }
                }
            }
            Id::Outcomes => {
                for outcome in Outcome::ALL {
                    family.counter(&[outcome.as_str()], totals.outcome(outcome));
                }
            }
            Id::Excluded => family.counter(&[], totals.excluded),
            Id::Errors => self.errors(family),
            Id::GrpcHandled => calls(&inner.grpc, family),
            Id::GrpcDuration => call_durations(&inner.grpc_seconds, family),
            Id::Sessions => {
                if let Some(open) = inner.sessions.open() {
                    family.gauge(&[], open as f64);
                }
            }
            Id::SessionDuration => each(&inner.sessions.durations, |series| {
                family.series(&[&series.endpoint], series, &inner.sessions.durations);
            }),
            Id::RequestBytes => {
                if let Some(sizes) = sizes {
                    self.histograms(family, &sizes.requests);
                }
            }
            Id::ResponseBytes => {
                if let Some(sizes) = sizes {
                    self.histograms(family, &sizes.responses);
                }
            }
            Id::Overflow => {
                let recordings = self.application.overflowed;
                let work = inner.work.get().map_or(0, |work| work.overflowed());
                let requests = totals.overflow;
                family.counter(&[], requests.wrapping_add(recordings).wrapping_add(work));
            }
            Id::HookFailures => {
                let recordings = self.application.dropped;
                family.counter(&[], totals.hook_failures.wrapping_add(recordings));
            }
            Id::ReadinessErrors => family.counter(&[], totals.readiness_errors),
            Id::Dropped => {
                for sink in Sink::all() {
                    family.counter(&[sink.as_str()], totals.dropped(sink));
                }
            }
            Id::Build => {
                if let Some(Release {
                    version, revision, ..
                }) = build
                {
                    let version = version.as_deref().unwrap_or("unknown");
                    family.gauge(&[version, revision, Release::RUSTC], 1.0);
                }
            }
            Id::Target => {
                if let Some(build) = build {
                    let Release {
                        service,
                        version,
                        environment,
                        ..
                    } = build;
                    let known = [service.as_deref(), version.as_deref(), Some(environment)];
                    family.gauge_of_known(&known, 1.0);
                }
            }
            Id::Deployed => {
                for (version, at) in &self.deployments {
                    family.gauge(&[version], *at);
                }
            }
            // The others are of work, circuit breakers, alerts, notifications and a fleet, or were asked for. Those of checks belong to no counters.
            _ => {
                work::give(self.metrics, family);
                alerts::give(&inner.alerts, family);
                notifications::give(&inner.notifications, family);
                fleet::give(&inner.fleet, family);
                self.sampled.give(family);
            }
        }
    }

    /// A route has the status 500 from its first request on: else `increase()` would not see its first failure.
    fn requests(&self, family: &mut OneFamily<'_>) {
        const FAILED: StatusLabel = StatusLabel::at(500);
        for route in &self.routes {
            let mut failed = [false; MethodLabel::ALL.len()];
            let mut methods = failed;
            for (SeriesKey(method, status), requests) in &route.requests {
                let (at, status) = (usize::from(*method), StatusLabel::at(*status));
                if let (Some(seen), Some(failed)) = (methods.get_mut(at), failed.get_mut(at)) {
                    *seen = true;
                    *failed |= status == FAILED;
                }
                let labels = [
                    MethodLabel::at(*method).as_str(),
                    &route.endpoint,
                    &status.to_string(),
                ];
                family.counter(&labels, *requests);
            }
            for (at, method) in MethodLabel::ALL.into_iter().enumerate() {
                if methods[at] && !failed[at] {
                    family.counter(&[method, &route.endpoint, &FAILED.to_string()], 0);
                }
            }
        }
    }

    fn durations(&self, family: &mut OneFamily<'_>) {
        let http = &self.metrics.inner.http;
        let examples = self.metrics.inner.exemplars.all();
        for route in &self.routes {
            for (key, spread) in &route.durations {
                let status = self.status_labels(*key);
                let labels = self.route_labels(*key, &route.endpoint, &status);
                family.spread(&labels, spread, http, examples.of(&route.endpoint, *key));
            }
        }
    }

    /// All series of a table by endpoint, method and status.
    fn histograms(&self, family: &mut OneFamily<'_>, table: &Table) {
        each(table, |series| {
            let status = self.status_labels(series.key);
            let labels = self.route_labels(series.key, &series.endpoint, &status);
            family.series(&labels, series, table);
        });
    }

    /// A route has failures of the server from its first request on, for the same reason as the status 500.
    fn errors(&self, family: &mut OneFamily<'_>) {
        let mut failed = HashSet::new();
        let errors = self.metrics.inner.errors.series();
        for series in errors.iter().flatten() {
            let category = series.category();
            let mut failures = series.read().requests;
            if category == ErrorCategory::ServerError {
                failed.insert(&*series.endpoint);
                // An application can have an endpoint of this name.
                if &*series.endpoint == EXCLUDED {
                    failures = failures.wrapping_add(self.totals.excluded_errors);
                }
            }
            family.counter(&[category.as_str(), &series.endpoint], failures);
        }
        let failure = ErrorCategory::ServerError.as_str();
        if failed.insert(EXCLUDED) {
            family.counter(&[failure, EXCLUDED], self.totals.excluded_errors);
        }
        let sound = self.routes.iter().map(|route| &*route.endpoint);
        for endpoint in sound.filter(|endpoint| !failed.contains(endpoint)) {
            family.counter(&[failure, endpoint], 0);
        }
    }

    fn in_flight(&self, family: &mut OneFamily<'_>) {
        if !self.names.in_flight_by_method() {
            return family.gauge(&[], self.totals.in_flight as f64);
        }
        for (method, requests) in self.metrics.inner.shares.in_flight() {
            family.gauge(&[method, self.scheme], requests as f64);
        }
    }

    /// The values of the labels of a histogram of requests that tell its status, if it has one.
    fn status_labels(&self, SeriesKey(_, status): SeriesKey) -> Option<(String, bool)> {
        let status = StatusLabel::at(status);
        let shown = || (status.to_string(), status.is_server_error());
        self.names.duration_by_status().then(shown)
    }

    /// The values of all labels of a histogram of requests. An error has its status as its type.
    fn route_labels<'v>(
        &self,
        SeriesKey(method, _): SeriesKey,
        endpoint: &'v str,
        status: &'v Option<(String, bool)>,
    ) -> Vec<&'v str> {
        let mut labels = vec![MethodLabel::at(method).as_str(), endpoint];
        if let Some((status, is_error)) = status {
            labels.extend([status, self.scheme]);
            labels.extend(is_error.then_some(&**status));
        }
        labels
    }
}

fn each(table: &Table, give: impl FnMut(&Series)) {
    let series = table.series();
    series
        .iter()
        .flatten()
        .map(|series| &**series)
        .for_each(give);
}

#[cfg(test)]
mod tests;

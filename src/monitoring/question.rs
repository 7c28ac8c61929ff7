//! Answers what is read.

use std::{collections::BTreeMap, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, Response, StatusCode};
use http_body_util::Full;
use serde::Serialize;

use super::{
    answer,
    checks::ShownHealth,
    console::{self, Console, Cursor, EndpointQuestion},
    counted::Counted,
    diagnosis::ShownDiagnosis,
    fleet::{self, ShownFleet},
    generated::{AskedDashboard, Part},
    kubernetes::Wanted,
    parameters::{Parameters, time},
    refusal::Refusal,
    routes::Read,
    settings::CheckedMonitoring,
    shown::{ListedAlerts, ListedFirings, ShownAlert, ShownSilence},
    sources::Sources,
};
use crate::{
    alerts::AlertState,
    statistics::{
        EndpointOrder, EndpointStatistics, ErrorStatistics, Statistics, Traffic, WallTime,
    },
    timestamp::{self, rfc3339},
};

/// The window by default.
const WINDOW: Duration = Duration::from_secs(300);

/// The longest window.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// The most entries that a `limit` asks for.
const MOST: u64 = 1_000;

/// The entries of a list by default.
const LIMIT: u64 = 100;

/// What is read, with its parameters.
#[derive(Debug)]
pub(super) enum Question {
    Metrics,
    Status,
    Alerts(Duration),
    /// In this state, or in any but inactive.
    ActiveAlerts(Option<AlertState>),
    Silences,
    Endpoints(Duration, EndpointOrder, usize),
    Errors(Duration, usize),
    Deployments(usize),
    Health,
    Fleet(Duration, usize),
    Rules(Part),
    Kubernetes(Wanted),
    Dashboard(AskedDashboard),
    Doctor,
    /// Of the console, what changed since.
    Console(Option<Cursor>),
    Endpoint(EndpointQuestion),
}

#[derive(Serialize)]
struct Status<'s> {
    sentry_enabled: bool,
    alert_thresholds_count: usize,
    active_alerts_count: usize,
    pending_alerts_count: usize,
    last_evaluation: Option<WallTime>,
    active_alerts: Vec<ShownAlert>,
    silences_count: usize,
    health: Option<&'static str>,
    service: Option<&'s str>,
    version: Option<&'s str>,
    environment: &'s str,
    timestamp: String,
}

#[derive(Serialize)]
struct Endpoints<'s> {
    #[serde(flatten)]
    window: ShownWindow,
    total: &'s Traffic,
    endpoints_count: usize,
    endpoints: Vec<&'s EndpointStatistics>,
}

#[derive(Serialize)]
struct Errors<'s> {
    #[serde(flatten)]
    window: ShownWindow,
    by_category: BTreeMap<&'static str, u64>,
    errors_count: usize,
    errors: &'s [ErrorStatistics],
}

#[derive(Serialize)]
struct ShownWindow {
    window_seconds: f64,
    covered_seconds: f64,
    timestamp: WallTime,
}

// === impl Question ===

impl Question {
    /// `segment` is the part of the path that stands in braces in the table of routes.
    pub(super) fn parse(read: Read, segment: &str, query: Option<&str>) -> Result<Self, Refusal> {
        let known: &[&str] = match read {
            Read::Metrics
            | Read::Status
            | Read::Silences
            | Read::Health
            | Read::Dashboard
            | Read::Doctor => &[],
            Read::Alerts => &["hours"],
            Read::ActiveAlerts => &["state"],
            Read::Endpoints => &["window", "sort", "limit"],
            Read::Errors | Read::Fleet => &["window", "limit"],
            Read::Deployments => &["limit"],
            Read::Rules => &["part"],
            Read::Kubernetes => &["part", "port", "image"],
            Read::Console => &["since"],
            Read::Endpoint => &EndpointQuestion::PARAMETERS,
        };
        let given = Parameters::parse(query, known)?;
        let limit = || {
            let limit = given.number("limit", 1..=MOST, LIMIT)?;
            Ok(usize::try_from(limit).unwrap_or(usize::MAX))
        };
        Ok(match read {
            Read::Metrics => Self::Metrics,
            Read::Status => Self::Status,
            Read::Alerts => {
                let hours = given.number("hours", 1..=168, 24)?;
                Self::Alerts(Duration::from_secs(hours * 60 * 60))
            }
            Read::ActiveAlerts => Self::ActiveAlerts(state(&given)?),
            Read::Silences => Self::Silences,
            Read::Endpoints => Self::Endpoints(window(&given)?, order(&given)?, limit()?),
            Read::Errors => Self::Errors(window(&given)?, limit()?),
            Read::Deployments => Self::Deployments(limit()?),
            Read::Health => Self::Health,
            Read::Fleet => Self::Fleet(window(&given)?, limit()?),
            Read::Rules => Self::Rules(Part::parse(&given)?),
            Read::Kubernetes => Self::Kubernetes(Wanted::parse(&given)?),
            Read::Dashboard => Self::Dashboard(AskedDashboard::parse(segment)?),
            Read::Doctor => Self::Doctor,
            Read::Console => {
                let expected = "a cursor of this console";
                Self::Console(given.one("since", expected, Cursor::parse)?)
            }
            Read::Endpoint => Self::Endpoint(EndpointQuestion::parse(&given)?),
        })
    }

    /// Whether another machine is asked.
    pub(super) const fn is_far(&self) -> bool {
        matches!(self, Self::Fleet(..) | Self::Doctor)
    }

    /// Reads what is asked. It can take milliseconds.
    pub(super) fn answer(
        &self,
        sources: &Sources,
        settings: &CheckedMonitoring,
        console: &Console,
        headers: &HeaderMap,
    ) -> Result<Response<Full<Bytes>>, Refusal> {
        let now = || rfc3339::since_1970(timestamp::since_1970()).to_string();
        let alerts = &sources.alerts;
        Ok(match self {
            Self::Metrics => ok(&Counted::of(&sources.metrics, now())),
            Self::Status => {
                let all = alerts.all();
                let pending = all.iter().filter(|one| one.state == AlertState::Pending);
                let pending_alerts_count = pending.count();
                let firing = all.into_iter();
                let firing = firing.filter(|one| one.state == AlertState::Firing);
                let firing: Vec<_> = firing.collect();
                ok(&Status {
                    sentry_enabled: sources.sentry,
                    alert_thresholds_count: alerts.rules(),
                    active_alerts_count: firing.len(),
                    pending_alerts_count,
                    last_evaluation: alerts.last_evaluation(),
                    active_alerts: ListedAlerts::of(firing).shown,
                    silences_count: alerts.silences().len(),
                    health: sources.health.as_ref().map(|one| one.status().as_str()),
                    service: sources.service.as_deref(),
                    version: sources.version.as_deref(),
                    environment: &sources.environment,
                    timestamp: now(),
                })
            }
            Self::Alerts(time) => {
                let history = ListedFirings::of(alerts.history(*time));
                answer::counted(ok(&history.shown), history.count)
            }
            Self::ActiveAlerts(state) => {
                let mut all = alerts.all();
                all.retain(|alert| state.is_none_or(|state| alert.state == state));
                let count = all.len();
                let response = ok(&ListedAlerts::of(all).shown);
                answer::counted(response, count)
            }
            Self::Silences => {
                let silences = alerts.silences().into_iter().map(ShownSilence::from);
                ok(&silences.collect::<Vec<_>>())
            }
            Self::Endpoints(window, order, limit) => {
                let lately = over(sources, *window)?;
                let mut endpoints = lately.endpoints(*order);
                let endpoints_count = endpoints.len();
                endpoints.truncate(*limit);
                ok(&Endpoints {
                    window: ShownWindow::of(&lately),
                    total: &lately.total,
                    endpoints_count,
                    endpoints,
                })
            }
            Self::Errors(window, limit) => {
                let lately = over(sources, *window)?;
                let errors = &lately.errors;
                ok(&Errors {
                    window: ShownWindow::of(&lately),
                    by_category: lately.errors_by_category(),
                    errors_count: errors.len(),
                    errors: &errors[..errors.len().min(*limit)],
                })
            }
            Self::Deployments(limit) => {
                let mut deployments = sources.statistics.deployments();
                deployments.deployments.truncate(*limit);
                ok(&deployments)
            }
            Self::Health => {
                let health = sources.health.as_ref();
                ok(&ShownHealth::of(health, settings.check_errors, now()))
            }
            Self::Fleet(window, limit) => {
                let numbers = fleet::ask(sources.fleet.as_deref(), *window)?;
                ok(&ShownFleet::of(&numbers, *limit))
            }
            Self::Rules(part) => answer::yaml(part.text(sources)?),
            Self::Kubernetes(wanted) if wanted.is_yaml() => answer::yaml(wanted.text(sources)?),
            Self::Kubernetes(wanted) => answer::plain(wanted.text(sources)?),
            Self::Dashboard(asked) => answer::json_text(asked.text(sources)?),
            Self::Doctor => {
                let diagnosis = sources.doctor.examine();
                ok(&ShownDiagnosis::of(diagnosis, settings, now()))
            }
            Self::Console(since) => console::changed(&console.current(), since.as_ref(), headers),
            Self::Endpoint(question) => ok(&question.answer(sources)),
        })
    }
}

// === impl ShownWindow ===

impl ShownWindow {
    const fn of(lately: &Statistics) -> Self {
        Self {
            window_seconds: lately.window_seconds,
            covered_seconds: lately.covered_seconds,
            timestamp: lately.until,
        }
    }
}

fn ok(value: &impl Serialize) -> Response<Full<Bytes>> {
    answer::json(StatusCode::OK, value)
}

fn over(sources: &Sources, window: Duration) -> Result<Statistics, Refusal> {
    let lately = sources.statistics.over(window);
    lately.map_err(|error| Refusal::bad(error.to_string()))
}

fn window(given: &Parameters<'_>) -> Result<Duration, Refusal> {
    let expected = "a time above 0 and at most 24h, such as 30s, 5m or 1h";
    let window = given.one("window", expected, |text| {
        time(text).filter(|time| *time <= LONGEST)
    })?;
    Ok(window.unwrap_or(WINDOW))
}

fn order(given: &Parameters<'_>) -> Result<EndpointOrder, Refusal> {
    let expected = "requests, errors, p95 or total_time";
    let order = given.one("sort", expected, |text| {
        Some(match text {
            "requests" => EndpointOrder::Requests,
            "errors" => EndpointOrder::Errors,
            "p95" => EndpointOrder::P95,
            "total_time" => EndpointOrder::TotalTime,
            _ => return None,
        })
    })?;
    Ok(order.unwrap_or_default())
}

/// `None` stands for all states.
fn state(given: &Parameters<'_>) -> Result<Option<AlertState>, Refusal> {
    let expected = "firing, pending, resolved, no_data, error or all";
    let state = given.one("state", expected, |text| {
        let mut states = AlertState::ALL.into_iter();
        let active = |state: &AlertState| *state != AlertState::Inactive && state.as_str() == text;
        match text {
            "all" => Some(None),
            _ => states.find(active).map(Some),
        }
    })?;
    Ok(state.unwrap_or(Some(AlertState::Firing)))
}

//! Shows the numbers and the alerts of a service as JSON, and takes what people do with alerts.
//!
//! It is off until somebody chooses who may ask. With [`Vitals::from_env`](crate::Vitals::from_env), the variable `MONITORING_TOKEN` does:
//!
//! ```
//! use axum::Router;
//! use tower_vitals::{Vitals, monitoring::{Access, Monitoring}};
//!
//! let vitals = Vitals::builder()
//!     .isolated()
//!     .monitoring(Monitoring::new(Access::Loopback))
//!     .build()?;
//! // On axum, and on the admin port, it is among the routes.
//! let app: Router = Router::new().merge(vitals.routes());
//! # Ok::<(), tower_vitals::config::ConfigError>(())
//! ```
//!
//! # Paths
//!
//! They stand below `/api/v1/monitoring`, unless [`path`](Monitoring::path) says otherwise.
//!
//! | path | |
//! | --- | --- |
//! | `GET /metrics` | all metrics, by flat name and by labels |
//! | `GET /status` | whether Sentry is on, how many rules there are, which alerts fire |
//! | `GET /alerts?hours=` | the alerts that fired in the last 1 to 168 hours, by default 24 |
//! | `GET /alerts/active?state=` | the alerts that fire, or are in another state, or `all` |
//! | `GET /silences` | the silences |
//! | `GET /endpoints?window=&sort=&limit=` | the endpoints by `requests`, `errors`, `p95` or `total_time` |
//! | `GET /errors?window=&limit=` | the failures by category and endpoint, beside the window before |
//! | `GET /deployments?limit=` | the deployments, and whether more errors followed them |
//! | `GET /health` | the checks |
//! | `GET /fleet?window=&limit=` | what all [instances](crate::guides::fleet) counted together, and each beside the others |
//! | `GET /rules.yml?part=` | with feature `generate`: the `rules` for Prometheus as YAML, their `tests`, the rules of objectives (`slo`) and theirs (`slo_tests`), or the configuration of an `alertmanager` |
//! | `GET /kubernetes.yml?part=&port=&image=` | with feature `generate`: a `deployment`, `service`, `service-monitor` or `pod-monitor` for Kubernetes, a check for `docker`, a stack for `compose`, or its `prometheus` |
//! | `GET /dashboards/{name}.json` | with feature `generate`: a dashboard for Grafana: `system`, `business`, `performance`, `errors` or `deployments` |
//! | `GET /doctor` | the settings in effect, without secrets, and what is [wrong](crate::doctor) with the service; the public gets no settings |
//! | `POST /doctor/test` | sends an event to Sentry and a test through each notifier, and says who took it |
//! | `POST /evaluate` | evaluates all rules now, and gives the alerts that fire then |
//! | `POST /silences` | begins a silence: `labels`, `lasts` (`"30m"` or seconds) or `ends`, `by`, `comment` |
//! | `POST /silences/{id}/end` | ends it |
//! | `POST /alerts/{fingerprint}/ack` | notes that somebody has seen an alert: `by` |
//! | `POST /deployments` | records a deployment: `version`, `by`, `changes` |
//! | `GET /` | the [console](#the-console) |
//! | `GET /console.json?since=` | all that the console shows, or what changed since a cursor |
//! | `GET /console/endpoint.json?method=&endpoint=&window=` | one endpoint in the last `15m`, `1h` or `24h`, step by step |
//!
//! The answers to HEAD are those to GET without their body. An error is `{"error": "…"}` with one sentence. A window is a time such as
//! `30s`, `5m` or `1h`, at most `24h` and by default `5m`. A list has 1 to 1,000 entries, by default 100. An unknown parameter is refused,
//! and so is one that is given twice.
//!
//! # The console
//!
//! The path itself, with a slash, is a page for browsers. Its files hold no data, so they need no token: the page asks for it, and
//! sends it with each question. Under [`Access::Loopback`] they are for clients on this machine like all else.
//!
//! The page asks for `/console.json` every two seconds. What it shows is computed once a second at most, whoever asks, and not at all
//! if nobody does. An answer has the sections that changed since the cursor of the one before. With `If-None-Match`, it is 304 if none
//! has. Numbers are those of the last minute (`now`), of the last five minutes, and of the last hour by the minute.
//!
//! `failures` has the last requests that failed: time, id, method, route, status, category, duration, and the text of the error. It is
//! scrubbed as what is sent to Sentry, also if nothing is sent, and left out without feature `scrub` and under [`Access::Public`]. No
//! body, header, query or path is kept, and nothing of an excluded path. [`Monitoring::failures`] says how many are kept.
//!
//! # POST
//!
//! A body is JSON with its content type, of at most 64 KiB, and comes within 10 seconds. Unknown keys are refused.
//!
//! A POST with the token is refused if it comes from a page of another origin: `Sec-Fetch-Site` must be `same-origin` where it is sent,
//! and else `Origin`, where it is sent, must be the `Host`. Without a token, under [`Access::Loopback`], it is refused if it has `Origin`,
//! `Referer`, `Cookie` or `Sec-Fetch-*`: it comes from a browser then, and every page can send it.
//!
//! # When it speaks
//!
//! Its requests are no traffic: they have no metric, no log line and no event. It says once at the start, at `WARN`, if its token has fewer
//! than 16 characters.

mod access;
mod answer;
mod body;
mod checks;
mod console;
mod counted;
mod diagnosis;
mod fleet;
mod generated;
mod guard;
mod host;
mod kubernetes;
mod order;
mod parameters;
mod peer;
mod proxy;
mod question;
mod questions;
mod refusal;
mod routes;
mod service;
mod settings;
mod shown;
mod sources;
mod turns;

#[cfg(feature = "fleet")]
pub(crate) use self::fleet::{FleetNumbers, FleetSilence, Instance};
pub use self::{
    access::Access,
    peer::PeerAddress,
    service::{MonitoringFuture, MonitoringService},
    settings::Monitoring,
};
pub(crate) use self::{
    fleet::AskFleet,
    settings::{CheckedMonitoring, PATH, check_path, check_token},
    sources::{Deliveries, Delivery, NewDeployment, RecordDeployment, Sources},
};

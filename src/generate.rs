//! Writes what Prometheus and Alertmanager need to decide as the process does: rules, their tests, and who is told. Also what
//! Kubernetes and Docker need to run the service: probes, and where its metrics are. And dashboards for Grafana over the same names.
//!
//! Thresholds, names and routes stand in the application alone. What is generated from them is never edited: it is generated
//! again, and a version of it that is kept in a repository shows in its diff what changed.
//!
//! ```
//! use tower_vitals::{Vitals, generate::Generated};
//!
//! let vitals = Vitals::builder().isolated().build()?;
//! let rules = vitals.generated().rules();
//! assert!(rules.contains("alert: HighErrorRate"));
//! # Ok::<(), tower_vitals::config::ConfigError>(())
//! ```
//!
//! # Rules
//!
//! Each rule of the application is an alert whose name is its own in capitals: `high_error_rate` is `HighErrorRate`, and
//! `queue_backlog` is `CeleryBacklogHigh`, as two guides have them. If two rules would get one name, the later one keeps its
//! own. Alerts have these labels beside those of the expression:
//!
//! | label | |
//! | --- | --- |
//! | `severity` | `info`, `warning` or `critical` |
//! | `service` | the service, if it has a name. Alerts of calls of other services have the called one there |
//! | `rule` | the name in the application |
//! | `signal` | which number is judged: a critical alert mutes milder ones with the same |
//! | `endpoint`, `method` | what the rule judges, if it is one endpoint |
//!
//! The release is no label. An alert whose labels change ends, and begins again with its `for`: so each deployment would end all
//! alerts, and tell people twice. It is an annotation that asks Prometheus at the moment of the alert, so a deployment changes no
//! file either.
//!
//! A rule that Prometheus cannot compute is a comment, which says why. Two rules more tell of a service that cannot be judged:
//! `ServiceDown` if a target that served these metrics in the last day is not scraped, and `ServiceAbsent` if there are no metrics
//! at all.
//!
//! # Dashboards
//!
//! [`Generated::dashboards`] gives five: System, Business, Performance, Errors and Deployments. Their queries are over the names of the
//! service's metrics and over those that the application has recorded. Panels of latencies have the bands of the service as thresholds.
//! Where a rule judges the number of a panel, the panel has its threshold, its name and its runbook. A rule over one endpoint has a
//! panel of its own. [`grafana_dashboards`] and [`grafana_datasource`] are the files by which Grafana finds dashboards and numbers.
//!
//! # Differences
//!
//! Prometheus 3 takes ranges without their left edge. So it sees one scrape less in a range: shares and quantiles stay the same,
//! and numbers of requests are off by up to 5 %. `increase()` does not see what a series begins with. `keep_firing_for` needs
//! Prometheus 2.42.

mod alert_name;
mod alerting;
#[cfg(feature = "notify")]
mod alertmanager;
mod beginnings;
mod dashboards;
mod docker;
mod document;
mod generated;
mod job_tests;
mod kubernetes;
mod node;
mod presence;
mod probes;
#[cfg(feature = "notify")]
mod receiver;
mod rule_tests;
mod scenario;
mod scrape;
mod served;
mod slo;
mod slo_tests;
mod template;
mod test_file;
mod tier;
mod values;
mod work;

pub(crate) use self::served::Served;
#[cfg(feature = "health")]
pub(crate) use self::served::{Asked, Probes};
pub use self::{
    dashboards::{Dashboard, OwnMetric},
    generated::Generated,
    slo::Slo,
};
pub use crate::provisioning::{grafana_dashboards, grafana_datasource};

#[cfg(test)]
mod tests;

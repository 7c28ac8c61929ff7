//! Writes what Prometheus and Alertmanager need to decide as the process does: rules, their tests, and who is told.
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
mod document;
mod generated;
mod presence;
#[cfg(feature = "notify")]
mod receiver;
mod rule_tests;
mod scenario;
mod slo;
mod slo_tests;
mod template;
mod test_file;
mod values;
mod work;

pub use self::{generated::Generated, slo::Slo};

#[cfg(test)]
mod tests;

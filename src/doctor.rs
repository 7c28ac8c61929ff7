//! Looks at a service from inside: which settings it has and where each came from, and what is wrong with it.
//!
//! [`Vitals::doctor`](crate::Vitals::doctor) does it in the process, `GET /doctor` of the [monitoring API](crate::guides::monitoring)
//! from outside, and the command `vitals doctor` adds what only the outside sees: the connection, the token, the clock, the probes.
//!
//! ```
//! use tower_vitals::{Vitals, doctor::Grade};
//!
//! let vitals = Vitals::builder().isolated().build()?;
//! let diagnosis = vitals.doctor();
//! let release = diagnosis.findings.iter().find(|one| one.check == "release").unwrap();
//! assert_eq!(release.grade, Grade::Warning);
//! assert_eq!(release.change.as_deref(), Some("APP_VERSION"));
//! # Ok::<(), tower_vitals::config::ConfigError>(())
//! ```
//!
//! No secret is in it: of a token, a key, an address of a notifier and a path of a file it only says whether it is set.

mod counted;
mod facts;
mod finding;
mod fleet;
mod reading;
mod setting;
mod told;

pub(crate) use self::facts::{
    AccessFacts, CheckFacts, CountedFacts, Facts, FleetFacts, NotifierFacts, SentryFacts,
    StateFacts,
};
pub(crate) use self::told::made_by;
pub use self::{
    finding::{Diagnosis, Finding, Grade},
    setting::{Setting, SettingSource},
};

/// Examines a service. It can take milliseconds.
pub(crate) trait Examine: Send + Sync {
    fn examine(&self) -> Diagnosis;

    /// Sends a test to Sentry and through each notifier. It blocks until all have answered.
    fn send_tests(&self) -> Vec<Finding>;
}

// === impl Facts ===

impl Facts {
    /// What is right and what is wrong, in the order in which a person would look.
    pub(crate) fn diagnosis(self) -> Diagnosis {
        let mut findings = counted::findings(&self);
        findings.extend(reading::findings(&self));
        findings.extend(told::findings(&self));
        findings.extend(fleet::findings(&self));
        Diagnosis {
            service: self.service,
            version: self.version,
            environment: self.environment,
            settings: self.settings,
            findings,
            probes: self.probes,
            serves_metrics: self.counted.serves_metrics,
            requests_started: self.counted.started,
            requests_excluded: self.counted.excluded,
        }
    }
}

#[cfg(test)]
mod tests;

//! Runs checks once, without a server.

use std::sync::Arc;

use tokio::{task::JoinHandle, time::Instant};

use super::{
    builder::HealthBuilder,
    check::Check,
    handle::Health,
    runner,
    snapshot::Snapshot,
    state::{CheckReport, Entry, Status},
};
use crate::{config::ConfigError, runtime};

/// What checks answered that ran once.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct HealthReport {
    /// How healthy the service is, by the roles of its checks.
    pub status: Status,
    /// The state of each check.
    pub checks: Vec<CheckReport>,
}

// === impl Health ===

impl Health {
    /// Asks each check once, all at the same time, each with its timeout, and reports what they answered now. What probes show does
    /// not change. One failure is a failure here, whatever [`Check::failures`] says. A check that is not asked has the status that
    /// the application has set.
    ///
    /// ```
    /// use tower_vitals::health::{Check, Health, Status};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # tokio::runtime::Runtime::new()?.block_on(async {
    /// let ping = || async { Ok::<_, std::io::Error>(()) };
    /// let health = Health::builder().check(Check::new("database", ping)).start()?;
    /// let report = health.check_once().await;
    /// assert_eq!(report.status, Status::Healthy);
    /// # Ok(())
    /// # })
    /// # }
    /// ```
    pub async fn check_once(&self) -> HealthReport {
        let entries = self.registry.entries.iter();
        let asked = entries.filter(|entry| entry.check.is_asked());
        let mut checks = answers(asked.map(|entry| entry.check.clone())).await;
        // Those that are not asked keep what they have.
        for report in self.registry.reports() {
            if !checks.iter().any(|one| one.name == report.name) {
                checks.push(report);
            }
        }
        HealthReport::of(checks)
    }
}

// === impl HealthBuilder ===

impl HealthBuilder {
    /// Asks each check once before a service runs, as [`Health::check_once`] does, and starts nothing. Checks that the application sets
    /// itself are left out: nobody has set them yet.
    ///
    /// ```
    /// use tower_vitals::health::{Check, Health, Role};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # tokio::runtime::Runtime::new()?.block_on(async {
    /// let cache = Check::tcp("cache", "127.0.0.1:1").role(Role::Optional);
    /// let report = Health::builder().check(cache).check_once().await?;
    /// assert_eq!(report.status.as_str(), "degraded");
    /// # Ok(())
    /// # })
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start).
    pub async fn check_once(self) -> Result<HealthReport, ConfigError> {
        self.verify()?;
        runtime::with_clock("health")?;
        let checks = self.checks.into_iter();
        let asked = checks.filter(Check::is_asked);
        Ok(HealthReport::of(answers(asked).await))
    }
}

// === impl HealthReport ===

impl HealthReport {
    fn of(checks: Vec<CheckReport>) -> Self {
        let snapshot = Snapshot {
            checks,
            draining: false,
        };
        Self {
            status: snapshot.status_without(&[]),
            checks: snapshot.checks,
        }
    }
}

/// What each check answers.
async fn answers(checks: impl Iterator<Item = Check>) -> Vec<CheckReport> {
    let asked: Vec<_> = checks.map(begin).collect();
    let mut reports = Vec::with_capacity(asked.len());
    for (name, answer) in asked {
        match answer.await {
            Ok(report) => reports.push(report),
            // Only the end of the runtime ends a question before its timeout.
            Err(_) => reports.push(Entry::new(Check::manual(&name)).report()),
        }
    }
    reports
}

/// Asks in a task of its own: no check waits for the timeout of another one.
fn begin(check: Check) -> (Arc<str>, JoinHandle<CheckReport>) {
    let name = Arc::clone(&check.name);
    let asked = tokio::spawn(async move {
        let check = check.anew().failures(1).successes(1);
        let began = Instant::now();
        let answer = runner::once(&check).await;
        let entry = Entry::new(check);
        entry.begin();
        entry.answer(&answer, Some(began.elapsed()));
        entry.report()
    });
    (name, asked)
}

#[cfg(test)]
mod tests;

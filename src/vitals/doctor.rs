//! Looks at a stack from inside, and sends tests.

use std::{fmt, sync::Arc, time::Duration};

use super::{
    Vitals, alerting::Alerting, deployment::Deployments, lately::Lately,
    notifications::Notifications, sharing::Sharing,
};
use crate::{
    doctor::{
        AccessFacts, CheckFacts, CountedFacts, Diagnosis, Examine, Facts, Finding, SentryFacts,
        Setting, StateFacts, made_by,
    },
    exclude::Exclusion,
    health::HealthService,
    metrics::{Metrics, Sink},
    release::Release,
    report::notice::{FINGERPRINT, Level, Notice, NoticeSink},
    sentry::Connection,
};

/// How long Sentry has to take the event of a test.
const PATIENCE: Duration = Duration::from_secs(5);

/// The settings in effect.
#[derive(Clone, Debug)]
pub(super) struct Effective {
    pub(super) settings: Vec<Setting>,
    /// Whether Sentry is on, and why.
    pub(super) sentry: &'static str,
    /// The share of requests that are transactions.
    pub(super) transactions: f32,
}

/// Looks at a stack. Clones share it.
#[derive(Clone)]
pub(super) struct Doctor(Arc<Examined>);

/// The parts of a stack.
#[derive(Clone)]
struct Examined {
    /// What does not change.
    known: Facts,
    exclude: Exclusion,
    metrics: Metrics,
    lately: Lately,
    alerting: Alerting,
    notifications: Notifications,
    sharing: Sharing,
    sentry: Connection,
    health: Option<HealthService>,
}

// === impl Doctor ===

impl Doctor {
    pub(super) fn new(
        effective: &Effective,
        exclude: &Exclusion,
        alerting: &Alerting,
        deployments: &Deployments,
    ) -> Self {
        Self(Arc::new(Examined {
            known: Facts {
                settings: effective.settings.clone(),
                excluded: exclude.to_string(),
                sentry: SentryFacts {
                    state: effective.sentry,
                    transactions: effective.transactions,
                    ..SentryFacts::default()
                },
                has_page: deployments.notifications.have_page(),
                ..Facts::default()
            },
            exclude: exclude.clone(),
            metrics: deployments.metrics.clone(),
            lately: deployments.lately.clone(),
            alerting: alerting.clone(),
            notifications: deployments.notifications.clone(),
            sharing: deployments.sharing.clone(),
            sentry: deployments.sentry.clone(),
            health: None,
        }))
    }

    /// Adds what others read of the stack.
    pub(super) fn serving(
        self,
        serves_metrics: bool,
        access: Option<AccessFacts>,
        release: &Release,
    ) -> Self {
        let mut examined = Arc::unwrap_or_clone(self.0);
        let known = &mut examined.known;
        known.counted.serves_metrics = serves_metrics;
        known.service = release.service.as_deref().map(str::to_owned);
        known.version.clone_from(&release.version);
        known.environment.clone_from(&release.environment);
        known.access = access;
        Self(Arc::new(examined))
    }

    /// Adds the checks.
    pub(super) fn probed_by(self, health: Option<&HealthService>) -> Self {
        let mut examined = Arc::unwrap_or_clone(self.0);
        let probes = health.iter().flat_map(|health| health.paths());
        examined.known.probes = probes.map(str::to_owned).collect();
        examined.health = health.cloned();
        Self(Arc::new(examined))
    }

    fn facts(&self) -> Facts {
        let Examined {
            known,
            exclude,
            metrics,
            lately,
            alerting,
            notifications,
            sharing,
            sentry,
            health,
        } = &*self.0;
        let totals = metrics.totals();
        let (endpoints, endpoint_cap) = metrics.endpoints();
        let statistics = lately.handle();
        let alerts = alerting.handle();
        let failed = alerts.all().into_iter();
        let failed = failed.filter_map(|alert| Some((alert.name, alert.error?)));
        Facts {
            counted: CountedFacts {
                serves_metrics: known.counted.serves_metrics,
                started: totals.started,
                excluded: totals.excluded,
                hook_failures: totals.hook_failures,
                endpoints,
                endpoint_cap,
                overflow: totals.overflow,
                lost_lines: totals.dropped(Sink::Log),
                lost_ticks: statistics.lost_ticks(),
                given_up: statistics.given_up(),
            },
            deployments: statistics.marks().len(),
            unused: exclude.unused().map(str::to_owned).collect(),
            checks: health.as_ref().map(checks),
            public_details: health.as_ref().is_some_and(shows_errors_to_all),
            state: lately.file_is_off().map(|off| StateFacts {
                failed_writes: totals.dropped(Sink::State),
                off,
            }),
            sentry: SentryFacts {
                on: sentry.is_on(),
                dropped: totals.dropped(Sink::Sentry),
                unscrubbed: totals.dropped(Sink::SentryScrubbing),
                held_back: totals.dropped(Sink::SentryFlood),
                ..known.sentry
            },
            rules: alerts.rules(),
            failed_rules: failed.collect(),
            notifiers: notifications.facts(alerting, metrics),
            fleet: sharing.facts(),
            ..known.clone()
        }
    }

    fn test_sentry(&self) -> Finding {
        let Examined {
            known,
            metrics,
            sentry,
            ..
        } = &*self.0;
        if !sentry.is_on() {
            return Finding::warning("sentry_test", known.sentry.state, "SENTRY_DSN");
        }
        let lost = || {
            let totals = metrics.totals();
            [Sink::Sentry, Sink::SentryScrubbing, Sink::SentryFlood]
                .map(|sink| totals.dropped(sink))
        };
        let before = lost();
        let service = known.service.as_deref().unwrap_or("a service");
        let message = format!("a test of {service}, which somebody asked for");
        let key = [FINGERPRINT, "test"].map(str::to_owned);
        sentry.notify(&Notice::new(Level::Info, message, key.into()));
        let unsent = sentry.outgoing().flush(PATIENCE);
        match unsent == 0 && lost() == before {
            true => Finding::ok("sentry_test", "Sentry took an event"),
            false => Finding::problem("sentry_test", "Sentry did not take an event", "SENTRY_DSN"),
        }
    }
}

impl Examine for Doctor {
    fn examine(&self) -> Diagnosis {
        self.facts().diagnosis()
    }

    fn send_tests(&self) -> Vec<Finding> {
        let mut all = vec![self.test_sentry()];
        let tested = self.0.notifications.test().into_iter();
        all.extend(tested.map(|(notifier, result)| match result {
            Ok(()) => Finding::ok("notifier_test", format!("{notifier} took a test")),
            Err(error) => {
                let what = format!("{notifier} took no test: {error}");
                Finding::problem("notifier_test", what, made_by(&notifier))
            }
        }));
        all
    }
}

impl fmt::Debug for Doctor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Doctor").finish_non_exhaustive()
    }
}

#[cfg(feature = "health")]
fn checks(health: &HealthService) -> Vec<CheckFacts> {
    use crate::health::{CheckReport, Role};
    let reports = health.handle().reports().into_iter();
    // What is only shown is no check of the application.
    let of_application = |report: &CheckReport| report.role != Role::Informational;
    let facts = reports.filter(of_application).map(|report| CheckFacts {
        name: report.name.to_string(),
        critical: report.role == Role::Critical,
        status: report.status.as_str(),
        answered: report.age.is_some(),
    });
    facts.collect()
}

#[cfg(not(feature = "health"))]
const fn checks(health: &HealthService) -> Vec<CheckFacts> {
    match *health {}
}

#[cfg(feature = "health")]
const fn shows_errors_to_all(health: &HealthService) -> bool {
    health.shows_errors_to_all()
}

#[cfg(not(feature = "health"))]
const fn shows_errors_to_all(health: &HealthService) -> bool {
    match *health {}
}

// === impl Vitals ===

impl Vitals {
    /// Looks at the service from inside: its settings, and what is wrong with it. See the [module](crate::doctor).
    ///
    /// ```
    /// use tower_vitals::Vitals;
    ///
    /// let vitals = Vitals::builder().isolated().build()?;
    /// for finding in vitals.doctor().findings {
    ///     println!("{} {}: {}", finding.grade.as_str(), finding.check, finding.what);
    /// }
    /// # Ok::<(), tower_vitals::config::ConfigError>(())
    /// ```
    #[cfg_attr(tower_vitals_docsrs, doc(cfg(feature = "statistics")))]
    #[must_use]
    pub fn doctor(&self) -> Diagnosis {
        self.doctor.examine()
    }
}

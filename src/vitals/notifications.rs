//! Tells people of alerts, of deployments, and of what the application says.

use std::{sync::Arc, time::Duration};

use serde_json::Value;

use super::{
    Deployment, Vitals,
    alerting::{Alerting, CheckedAlerting},
    lately::Lately,
};
#[cfg(feature = "generate")]
use crate::generate::Generated;
#[cfg(feature = "health")]
use crate::monitoring::{Deliveries, Delivery};
use crate::{
    alerts::{AlertSeverity, Evaluation, GoOn, Listener},
    config::{ConfigError, Environment},
    doctor::NotifierFacts,
    metrics::Metrics,
    notify::{CheckedNotifiers, NotifierTest, Notifiers, Origin, Running},
    release::Release,
    statistics::WallTime,
    timestamp,
};

/// Who is told. Nobody, unless the environment or the application says otherwise.
#[derive(Clone, Debug, Default)]
pub(super) struct NotificationSettings(pub(super) Notifiers);

/// Notifiers that can work.
#[derive(Debug)]
pub(super) struct CheckedNotifications(CheckedNotifiers);

/// Who tells people. `None` if there is no notifier. Clones share it.
#[derive(Clone, Debug)]
pub(super) struct Notifications(Option<Arc<Notifying>>);

#[derive(Debug)]
struct Notifying {
    running: Running,
    lately: Lately,
}

/// Listening of evaluations.
struct Listening(Arc<Notifying>);

// === impl NotificationSettings ===

impl NotificationSettings {
    pub(super) fn from_environment(environment: &Environment<'_>) -> Result<Self, ConfigError> {
        Notifiers::from_environment(environment).map(Self)
    }

    /// Refuses rules that reach nobody.
    pub(super) fn checked(
        self,
        alerting: &CheckedAlerting,
    ) -> Result<CheckedNotifications, ConfigError> {
        self.0
            .checked(alerting.severities())
            .map(CheckedNotifications)
    }
}

// === impl CheckedNotifications ===

impl CheckedNotifications {
    /// What is generated, also of who is told.
    #[cfg(feature = "generate")]
    pub(super) fn generated(&self, generated: Generated) -> Generated {
        let CheckedNotifiers { routes, url, .. } = &self.0;
        let routes = self.0.are_any().then(|| Arc::clone(routes));
        let generated = generated.told_by(routes);
        match url {
            Some(url) => generated.dashboard(url),
            None => generated,
        }
    }

    /// Starts the threads of all notifiers.
    pub(super) fn start(
        self,
        release: &Release,
        lately: &Lately,
        metrics: &Metrics,
    ) -> Result<Notifications, ConfigError> {
        if !self.0.are_any() {
            return Ok(Notifications(None));
        }
        let origin = Origin {
            service: release.service.as_deref().unwrap_or_default().to_owned(),
            environment: release.environment.clone(),
            release: release.version.clone(),
            ..Origin::default()
        };
        let now = timestamp::since_1970();
        let running = Running::start(self.0, origin, lately.told(), now, metrics)?;
        let lately = lately.clone();
        Ok(Notifications(Some(Arc::new(Notifying { running, lately }))))
    }
}

// === impl Notifications ===

impl Notifications {
    /// Tells of these alerts from now on.
    pub(super) fn hear(&self, alerting: &Alerting) {
        if let Some(told) = &self.0 {
            alerting.listen(Box::new(Listening(Arc::clone(told))));
        }
    }

    /// Tells of a deployment at `at`, in seconds since 1970.
    pub(super) fn deployed(&self, deployment: &Deployment, environment: &str, at: f64) {
        if let Some(told) = &self.0 {
            let Deployment {
                version,
                by,
                changes,
                ..
            } = deployment;
            let at = Duration::try_from_secs_f64(at).unwrap_or_default();
            let mark = (version.clone(), WallTime::new(at));
            told.running.deployed(environment, by, changes, mark);
        }
    }

    /// Waits until everything is sent. Returns how many notifications still wait after `timeout`.
    pub(super) fn flush(&self, timeout: Duration) -> u64 {
        let told = self.0.as_ref();
        told.map_or(0, |told| told.running.flush(timeout))
    }

    /// Takes nothing more, and tries for `timeout` to send what waits. Returns how many notifications were not sent.
    #[cfg(feature = "health")]
    pub(super) fn end(&self, timeout: Duration) -> u64 {
        let told = self.0.as_ref();
        told.map_or(0, |told| told.running.end(timeout))
    }

    /// How many notifications wait.
    #[cfg(feature = "health")]
    pub(super) fn pending(&self) -> u64 {
        let told = self.0.as_ref();
        told.map_or(0, |told| told.running.pending())
    }

    pub(super) const fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// How each notifier does.
    pub(super) fn facts(
        &self,
        alerting: &Alerting,
        metrics: &Metrics,
    ) -> Option<Vec<NotifierFacts>> {
        let Some(told) = &self.0 else {
            return Some(Vec::new());
        };
        let reached = told.running.reached(alerting.severities()).into_iter();
        let facts = reached.map(|(name, routed)| {
            let [sent, dropped, refused, failed] = metrics.notifications(name).unwrap_or_default();
            NotifierFacts {
                name: name.to_owned(),
                routed,
                sent,
                lost: dropped + refused + failed,
            }
        });
        Some(facts.collect())
    }

    /// Whether a message says where to look.
    pub(super) fn have_page(&self) -> bool {
        let told = self.0.as_ref();
        told.is_some_and(|told| told.running.has_page())
    }

    /// Sends a test through each notifier, and says whether it took it.
    pub(super) fn test(&self) -> Vec<(String, Result<(), String>)> {
        let Some(told) = &self.0 else {
            return Vec::new();
        };
        let at = WallTime::new(timestamp::since_1970());
        let tests = told.running.test(at, told.lately.deployment());
        let told = tests.into_iter().map(|test| (test.notifier, test.result));
        told.collect()
    }
}

#[cfg(feature = "health")]
impl Deliveries for Notifications {
    fn deliveries(&self) -> Vec<Delivery> {
        let told = self.0.as_ref();
        let delivered = told.map(|told| told.running.delivered());
        let of_each = delivered.unwrap_or_default().into_iter();
        of_each
            .map(|one| Delivery {
                notifier: one.notifier,
                sent: one.sent,
                failed: one.failed,
                refused: one.refused,
                dropped: one.dropped,
                waiting: one.waiting,
                last_sent: one.last.worked,
                last_failure: one.last.failed,
            })
            .collect()
    }
}

// === impl Listening ===

impl Listener for Listening {
    fn evaluated(&self, evaluation: &Evaluation<'_>) {
        let Notifying { running, lately } = &*self.0;
        if let Some(stored) = running.evaluated(evaluation, lately.deployment()) {
            lately.keep_told(&stored);
        }
    }

    fn go_on(&self, told: Value, now: Duration, how: GoOn) {
        self.0.running.go_on(told, now, how);
    }

    fn decide(&self, evaluation: &Evaluation<'_>) -> (Value, bool) {
        let Notifying { running, lately } = &*self.0;
        running.decide(evaluation, lately.deployment())
    }

    fn tell(&self, now: Duration) {
        let Notifying { running, lately } = &*self.0;
        if let Some(stored) = running.tell(now, lately.deployment()) {
            lately.keep_told(&stored);
        }
    }

    fn take_back(&self) {
        self.0.running.take_back();
    }

    fn told(&self, now: Duration) -> (Value, bool) {
        self.0.running.told(now)
    }
}

// === impl Vitals ===

impl Vitals {
    /// Tells people something, by the [routes](crate::notify::Routes) of this severity. Returns how many notifiers are told.
    ///
    /// It waits for nobody: each notifier has a queue and a thread. Nobody is told if there is no notifier or no route, after the
    /// end of the last [`run`](Self::run), and if the same title was told 20 times in the last hour, or 1,000 other titles. The title becomes one line of at most 1,000
    /// characters. The text is cut after 16 KiB.
    ///
    /// ```
    /// use tower_vitals::{Vitals, alerts::AlertSeverity};
    ///
    /// let vitals = Vitals::builder().isolated().build()?;
    /// let told = vitals.notify(
    ///     AlertSeverity::Warning,
    ///     "The import was late",
    ///     "It took 3 hours in place of 1.",
    /// );
    /// assert_eq!(told, 0, "there is no notifier");
    /// # Ok::<(), tower_vitals::config::ConfigError>(())
    /// ```
    #[cfg_attr(tower_vitals_docsrs, doc(cfg(feature = "notify")))]
    #[expect(
        clippy::must_use_candidate,
        reason = "who tells something need not know who hears it"
    )]
    pub fn notify(&self, severity: AlertSeverity, title: &str, text: &str) -> usize {
        let Some(told) = &self.notifications.0 else {
            return 0;
        };
        let at = WallTime::new(timestamp::since_1970());
        let deployed = || told.lately.deployment();
        told.running.say(severity, title, text, at, deployed)
    }

    /// Sends a test, marked as one, through each notifier, and says which of them took it. Each has one attempt.
    ///
    /// It blocks until all have answered: for 21 s at most, where a notifier hangs. In asynchronous code, call it by
    /// `spawn_blocking`. At PagerDuty, the test opens an incident.
    #[cfg_attr(tower_vitals_docsrs, doc(cfg(feature = "notify")))]
    #[must_use]
    pub fn test_notifiers(&self) -> Vec<NotifierTest> {
        let Some(told) = &self.notifications.0 else {
            return Vec::new();
        };
        let at = WallTime::new(timestamp::since_1970());
        told.running.test(at, told.lately.deployment())
    }
}

//! Tells people, while a service runs: of its alerts, of deployments, and of what the application says.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc::RecvTimeoutError},
    time::Duration,
};

use tokio::time::Instant;

#[cfg(feature = "health")]
use super::delivered::Delivered;
use super::{
    courier::Courier,
    dispatch::{Dispatched, StoredTold},
    losses::Losses,
    mailbox::Terms,
    notification::{Notification, NotificationKind, Origin},
    notifiers::CheckedNotifiers,
    parts::Parts,
    plain,
    retry::deadline,
    routes::CheckedRoutes,
    said::Said,
};
use crate::{
    alerts::{AlertSeverity, Evaluation, Fingerprint, Labels, Part},
    config::ConfigError,
    metrics::Metrics,
    report::delivery_queue::contained,
    statistics::WallTime,
};

/// The longest title that the application gives, in characters.
const LONGEST_TITLE: usize = 1_000;

/// The longest text that the application gives, in bytes. 256 of them wait for each notifier.
const LONGEST_TEXT: usize = 16 << 10;

/// The longest time between two messages that a notifier can ask for.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// How long the end of a test is waited for: an attempt that is under way, and that of the test.
const TEST: Duration = Duration::from_secs(21);

/// Tells people.
pub(crate) struct Running {
    pub(super) couriers: Vec<Courier>,
    /// Of each courier: whether its notifier takes the state of all alerts.
    takes_state: Vec<bool>,
    routes: Arc<CheckedRoutes>,
    origin: Origin,
    parts: Mutex<Parts>,
    said: Mutex<Said>,
    pub(super) losses: Losses,
}

/// Whether a notifier took a test.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NotifierTest {
    /// Its name.
    pub notifier: String,
    /// Why it did not take the test, if it did not. The text holds no secret of a notifier of this crate.
    pub result: Result<(), String>,
}

// === impl Running ===

impl Running {
    /// Starts the threads of all notifiers, and goes on with what an earlier process has told.
    ///
    /// # Errors
    ///
    /// If a thread cannot start.
    pub(crate) fn start(
        notifiers: CheckedNotifiers,
        origin: Origin,
        before: Option<StoredTold>,
        now: Duration,
        metrics: &Metrics,
    ) -> Result<Self, ConfigError> {
        let CheckedNotifiers { all, routes, url } = notifiers;
        let takes_state = all.iter().map(|(_, notifier)| {
            let takes_state = contained(|| notifier.takes_state());
            takes_state.unwrap_or(false)
        });
        let takes_state: Vec<_> = takes_state.collect();
        let couriers = all.into_iter().map(|(name, notifier)| {
            let every = contained(|| notifier.every()).unwrap_or(Terms::DEFAULT.every);
            let terms = Terms {
                every: every.min(LONGEST_PAUSE),
                ..Terms::DEFAULT
            };
            Courier::start(name, notifier, terms, metrics)
        });
        let parts = Parts::new(&routes, takes_state.contains(&true), before, now);
        Ok(Self {
            couriers: couriers.collect::<Result<_, _>>()?,
            takes_state,
            routes,
            origin: Origin { url, ..origin },
            parts: Mutex::new(parts),
            said: Mutex::default(),
            losses: Losses::new(metrics),
        })
    }

    /// Tells of what an evaluation changed. Returns what a later process needs of it, if that has changed.
    pub(crate) fn evaluated(
        &self,
        evaluation: &Evaluation<'_>,
        deployed: Option<(String, WallTime)>,
    ) -> Option<StoredTold> {
        let origin = self.origin(deployed);
        let mut parts = self.parts();
        for Dispatched { to, notification } in parts.own(evaluation, &origin) {
            let to = to.into_iter().filter(|index| !self.takes_state[*index]);
            self.send(to, &notification);
        }
        // In a fleet, it is told with the alerts of the fleet.
        if evaluation.part == Part::All {
            parts.forget_fleet();
            self.send_state(&parts.state());
        }
        parts.changed(evaluation.at.since_1970())
    }

    pub(super) fn parts(&self) -> MutexGuard<'_, Parts> {
        self.parts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a notifier takes the state of all alerts.
    pub(super) fn takes_state(&self, index: usize) -> bool {
        self.takes_state.get(index) == Some(&true)
    }

    pub(super) fn name_of(&self, index: usize) -> Option<&str> {
        self.couriers.get(index).map(Courier::name)
    }

    pub(super) fn courier(&self, name: &str) -> Option<&Courier> {
        let mut couriers = self.couriers.iter();
        couriers.find(|courier| courier.name() == name)
    }

    pub(super) fn send_state(&self, state: &[Notification]) {
        let couriers = self.couriers.iter().enumerate();
        for (index, courier) in couriers.filter(|(index, _)| self.takes_state[*index]) {
            let is_for = |one: &&Notification| {
                let to = self.routes.of(&one.name, one.severity);
                to.contains(&index)
            };
            let all: Vec<_> = state.iter().filter(is_for).cloned().collect();
            if !all.is_empty() {
                courier.send_state(all);
            }
        }
    }

    /// The name of each notifier, and whether alerts of one of these rules reach it.
    pub(crate) fn reached<'r>(
        &self,
        rules: impl Iterator<Item = (&'r str, AlertSeverity)>,
    ) -> Vec<(&str, bool)> {
        self.routes.reached(rules)
    }

    /// Whether a message says where to look.
    pub(crate) const fn has_page(&self) -> bool {
        self.origin.url.is_some()
    }

    /// Tells what the application says. Returns how many notifiers are told: none if there is no route, or if it said the same
    /// too often.
    pub(crate) fn say(
        &self,
        severity: AlertSeverity,
        title: &str,
        text: &str,
        at: WallTime,
        deployed: impl FnOnce() -> Option<(String, WallTime)>,
    ) -> usize {
        let title = plain::line(title, LONGEST_TITLE);
        let to = self.routes.of_severity(severity);
        if to.is_empty() || !self.admits(&title) {
            return 0;
        }
        let origin = self.origin(deployed());
        let kind = NotificationKind::Said;
        let said = Notification {
            text: plain::bytes(text, LONGEST_TEXT),
            ..Notification::other(kind, severity, title, at, &origin)
        };
        self.send(to.into_iter(), &said)
    }

    /// Tells of a deployment, which is the last one of `deployed`. Returns how many notifiers are told.
    pub(crate) fn deployed(
        &self,
        environment: &str,
        by: &str,
        changes: &str,
        (version, at): (String, WallTime),
    ) -> usize {
        let to = self.routes.of_deployment();
        let to = to.into_iter().filter(|index| !self.takes_state[*index]);
        let title = format!("Deployed {version} to {environment}");
        let title = plain::line(&title, LONGEST_TITLE);
        if !self.admits(&title) {
            return 0;
        }
        let text = match changes.is_empty() {
            true => format!("By {by}."),
            false => format!("By {by}.\n{changes}"),
        };
        let origin = self.origin(Some((version, at)));
        let (kind, severity) = (NotificationKind::Deployed, AlertSeverity::Info);
        let deployed = Notification {
            text: plain::bytes(&text, LONGEST_TEXT),
            ..Notification::other(kind, severity, title, at, &origin)
        };
        self.send(to, &deployed)
    }

    /// Whether this was not said too often in the last hour. If so, it counts.
    fn admits(&self, title: &str) -> bool {
        let fingerprint = Fingerprint::of(title, &Labels::new());
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        said.admits(fingerprint, Instant::now())
    }

    /// Sends a test through each notifier, and waits for all of them, for 21 s at most.
    pub(crate) fn test(
        &self,
        at: WallTime,
        deployed: Option<(String, WallTime)>,
    ) -> Vec<NotifierTest> {
        let origin = self.origin(deployed);
        let title = format!("{} tries whether notifications arrive", origin.service);
        let (kind, severity) = (NotificationKind::Test, AlertSeverity::Info);
        let test = Notification::other(kind, severity, title, at, &origin);
        let deadline = deadline(TEST);
        let ends: Vec<_> = self
            .couriers
            .iter()
            .map(|courier| (courier.name(), courier.try_out(test.clone(), deadline)))
            .collect();
        let tested = ends.into_iter().map(|(name, end)| {
            let left = deadline.saturating_duration_since(Instant::now());
            let result = match end.recv_timeout(left) {
                Ok(ended) => ended.map_err(|error| error.to_string()),
                Err(RecvTimeoutError::Timeout) => Err("it hangs".to_owned()),
                Err(RecvTimeoutError::Disconnected) => {
                    Err("the service ends, or too many tests wait".to_owned())
                }
            };
            NotifierTest {
                notifier: name.to_owned(),
                result,
            }
        });
        tested.collect()
    }

    /// Waits until everything is sent. Returns how many notifications still wait after `timeout`.
    pub(crate) fn flush(&self, timeout: Duration) -> u64 {
        let deadline = deadline(timeout);
        let couriers = self.couriers.iter();
        couriers.map(|courier| courier.flush(deadline)).sum()
    }

    /// Takes nothing more, and tries for `timeout` to send what waits. Returns how many notifications were not sent.
    pub(crate) fn end(&self, timeout: Duration) -> u64 {
        Courier::end_all(&self.couriers, timeout)
    }

    /// How many notifications wait.
    pub(crate) fn pending(&self) -> u64 {
        let couriers = self.couriers.iter();
        couriers.map(|courier| courier.accounts().pending).sum()
    }

    /// What became of all that each notifier was to tell.
    #[cfg(feature = "health")]
    pub(crate) fn delivered(&self) -> Vec<Delivered> {
        self.couriers.iter().map(Courier::delivered).collect()
    }

    /// Returns how many are told.
    fn send(&self, to: impl Iterator<Item = usize>, notification: &Notification) -> usize {
        to.filter_map(|index| self.couriers.get(index))
            .filter(|courier| courier.send(notification.clone()))
            .count()
    }

    pub(super) fn origin(&self, deployed: Option<(String, WallTime)>) -> Origin {
        Origin {
            deployed,
            ..self.origin.clone()
        }
    }
}

impl fmt::Debug for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Running");
        shown.field("couriers", &self.couriers);
        shown.finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;

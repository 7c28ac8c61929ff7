//! Turns the answers of one check into its status.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::time::Instant;

use super::{
    check::{Answer, Check, Role},
    course::Course,
};
use crate::{facts::chain, metrics::checks::Latencies, text::printable_words};

/// How healthy a check or the service is, from best to worst. There are four statuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Status {
    /// It works.
    Healthy,
    /// It works with limits.
    Degraded,
    /// There is no answer yet, or no recent one.
    Unknown,
    /// It does not work.
    Unhealthy,
}

/// The state of one check.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct CheckReport {
    /// The name of the check.
    pub name: Arc<str>,
    /// What its failure means for the service.
    pub role: Role,
    /// Its status. [`Status::Unknown`] without a recent answer.
    pub status: Status,
    /// How long the last answer took. Zero if the application sets the status.
    pub latency: Duration,
    /// How long ago the last answer came, or the application set the status. `None` before the first.
    pub age: Option<Duration>,
    /// When it was last healthy or degraded by its answer, or by what the application [set](super::Health::set), by the wall
    /// clock.
    #[expect(clippy::disallowed_types, reason = "it is shown to people")]
    pub last_success: Option<std::time::SystemTime>,
    /// The error of the last answer, or that this answer is too old. Do not show it to the public.
    pub error: Option<Arc<str>>,
    /// How many times it ran.
    pub runs: u64,
    pub(super) healthy_label: &'static str,
    /// What the public may know in place of a label.
    pub(super) shown: Option<String>,
}

/// A check and its state.
pub(super) struct Entry {
    pub(super) check: Check,
    runs: AtomicU64,
    state: Mutex<State>,
}

/// What the answers so far mean.
#[derive(Debug)]
struct State {
    /// By the last answers. If they are too old, it no longer counts.
    status: Status,
    /// The status of the last change that was published.
    published: Status,
    answered: Option<Instant>,
    latency: Duration,
    latencies: Latencies,
    #[expect(clippy::disallowed_types, reason = "it is shown to people")]
    last_success: Option<std::time::SystemTime>,
    error: Option<Arc<str>>,
    /// Failures and successes in a row.
    failures: u32,
    successes: u32,
    course: Course<Status>,
}

/// A change of status: from and to.
pub(super) type Change = (Status, Status);

// === impl Status ===

impl Status {
    /// Whether it works, perhaps with limits.
    pub(super) const fn is_well(self) -> bool {
        matches!(self, Self::Healthy | Self::Degraded)
    }

    /// The value in responses and in the log.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Degraded => "degraded",
            Self::Unknown => "unknown",
            Self::Unhealthy => "unhealthy",
        }
    }
}

// === impl Entry ===

impl Entry {
    pub(super) fn new(check: Check) -> Self {
        Self {
            check,
            runs: AtomicU64::new(0),
            state: Mutex::new(State {
                status: Status::Unknown,
                published: Status::Unknown,
                answered: None,
                latency: Duration::ZERO,
                latencies: Latencies::default(),
                last_success: None,
                error: None,
                failures: 0,
                successes: 0,
                course: Course::default(),
            }),
        }
    }

    pub(super) fn report(&self) -> CheckReport {
        self.report_of(&self.lock())
    }

    /// The state, and the latencies of all answers.
    pub(super) fn reading(&self) -> (CheckReport, Latencies) {
        let state = self.lock();
        (self.report_of(&state), state.latencies.clone())
    }

    fn report_of(&self, state: &State) -> CheckReport {
        let age = state.answered.map(|answered| answered.elapsed());
        let limit = self.check.stale_after();
        let (status, error) = match age {
            Some(age) if age > limit => {
                let error = format!("the last answer is older than {limit:?}");
                (Status::Unknown, Some(error.into()))
            }
            _ => (state.status, state.error.clone()),
        };
        CheckReport {
            name: Arc::clone(&self.check.name),
            role: self.check.role,
            status,
            latency: state.latency,
            age,
            last_success: state.last_success,
            error,
            runs: self.runs.load(Ordering::Relaxed),
            healthy_label: self.check.healthy_label,
            shown: match status {
                Status::Unknown => None,
                _ => {
                    let expiry = self.check.remembered.expiry.as_ref();
                    expiry.and_then(|expiry| expiry.shown())
                }
            },
        }
    }

    /// When the last answer came, and which statuses there were.
    #[cfg(feature = "statistics")]
    pub(super) fn course(&self) -> (Option<Instant>, Course<Status>) {
        let state = self.lock();
        (state.answered, state.course.clone())
    }

    /// Counts a run of the check.
    pub(super) fn begin(&self) {
        self.runs.fetch_add(1, Ordering::Relaxed);
    }

    /// Takes an answer, and its latency if it is a new one. Returns the change of status, if there is one.
    pub(super) fn answer(
        &self,
        answer: &Result<Answer, String>,
        latency: Option<Duration>,
    ) -> Option<Change> {
        let mut state = self.lock();
        if let Some(latency) = latency {
            state.latency = latency;
            state.latencies.record(latency);
        }
        let before = state.status;
        state.answered = Some(Instant::now());
        state.error = match answer {
            Ok(Answer::Healthy) => None,
            Ok(Answer::Degraded(text)) => Some(shown(text)),
            // It was made so before.
            Err(text) => Some(text.as_str().into()),
        };
        if answer.is_ok() {
            state.failures = 0;
            state.successes = state.successes.saturating_add(1);
            state.succeeded();
        } else {
            state.successes = 0;
            state.failures = state.failures.saturating_add(1);
        }
        let recovered = before != Status::Unhealthy || state.successes >= self.check.successes;
        state.status = match answer {
            Ok(Answer::Healthy) if recovered => Status::Healthy,
            Ok(Answer::Degraded(_)) if recovered => Status::Degraded,
            Err(_) if state.failures >= self.check.failures => Status::Unhealthy,
            // The status does not change yet. An unknown check stays unknown.
            _ => before,
        };
        self.change(&mut state)
    }

    /// Sets the status of a manual check. Returns the change of status, if there is one.
    pub(super) fn set(&self, status: Status, error: Option<&str>) -> Option<Change> {
        let mut state = self.lock();
        state.set(status, error);
        self.change(&mut state)
    }

    /// Takes the status that the source of the check has now. Returns whether it has changed. Of two calls at once, the later one
    /// takes what the source then has.
    pub(super) fn refresh(&self) -> bool {
        let Some(source) = &self.check.source else {
            return false;
        };
        let mut state = self.lock();
        let limit = source.limit();
        let status = limit.map_or(Status::Healthy, |_| Status::Degraded);
        state.set(status, limit);
        self.change(&mut state).is_some()
    }

    /// Returns the change of status if the last answer is too old now, and the time that is left until it is. No time is left
    /// if it is too old already, or if there is no answer.
    pub(super) fn expire(&self) -> (Option<Change>, Option<Duration>) {
        let mut state = self.lock();
        let left = state.answered.and_then(|answered| {
            let limit = self.check.stale_after();
            limit.checked_sub(answered.elapsed())
        });
        (self.change(&mut state), left)
    }

    /// The change since the last one, to be published.
    fn change(&self, state: &mut State) -> Option<Change> {
        let now = self.report_of(state).status;
        let before = std::mem::replace(&mut state.published, now);
        state.course.note(before, now);
        (before != now).then_some((before, now))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl State ===

impl State {
    fn set(&mut self, status: Status, error: Option<&str>) {
        self.status = status;
        self.answered = Some(Instant::now());
        self.error = error.map(shown);
        if status.is_well() {
            self.succeeded();
        }
    }

    fn succeeded(&mut self) {
        #[expect(clippy::disallowed_types, reason = "it is shown to people")]
        let now = std::time::SystemTime::now();
        self.last_success = Some(now);
    }
}

/// A text of the application, as logs and responses may show it.
fn shown(text: &str) -> Arc<str> {
    printable_words(text, chain::LONGEST).into()
}

//! Says whether the service is alive and ready, from checks that run in the background.
//!
//! A probe never asks a dependency: it reads what the last question answered, so any number of probes costs no more checks,
//! and probes are as fast with every dependency hanging as with none. A result that is too old (three intervals and the
//! timeout) is unknown, and an unknown critical check is as bad as a failed one.
//!
//! # When it speaks
//!
//! When a check changes: one event, at `ERROR` for a critical one that fails, `WARN` for another, `INFO` when it recovers. A
//! probe writes nothing. After each answer: `health_check_status{check}` (1, 0.5 or 0), `health_check_duration_seconds{check}`
//! and `health_check_last_success_timestamp_seconds{check}`, on the process's recorder.
//!
//! ```
//! use axum::Router;
//! use tower_vitals::{Vitals, health::{Check, Health}};
//!
//! # async fn start() -> Result<(), Box<dyn std::error::Error>> {
//! let ping = || async { Ok::<_, std::io::Error>(()) };
//! let health = Health::builder().check(Check::new("database", ping).word("connected")).start()?;
//! let vitals = Vitals::builder().health(health.service()).build()?;
//! let app: Router = Router::new()
//!     .layer(vitals.layer())
//!     .merge(vitals.routes());   // /livez /readyz /startupz /health /metrics
//! # Ok(())
//! # }
//! ```

mod check;
#[cfg(feature = "disk")]
mod disk;
#[cfg(feature = "tonic")]
mod grpc;
mod ready_made;
mod report;
mod service;

use std::{
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::watch,
    time::{self, Instant},
};

#[cfg(feature = "tonic")]
#[cfg_attr(tower_vitals_docsrs, doc(cfg(feature = "tonic")))]
pub use self::grpc::{GrpcHealth, Probe};
pub use self::{
    check::{Answer, Check, Role},
    service::{Details, HealthService},
};
use crate::{config::ConfigError, log, runtime};

/// How something is.
///
/// Ordered from best to worst; the four are complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Status {
    /// As it should be.
    Healthy,
    /// It works, with something missing.
    Degraded,
    /// Nobody knows: there is no answer yet, or none that is fresh.
    Unknown,
    /// It does not work.
    Unhealthy,
}

/// A handle to the checks; clones share them. They run until the last handle is gone.
#[derive(Clone)]
pub struct Health {
    inner: Arc<Inner>,
}

/// Collects checks until they are started.
#[derive(Clone, Debug, Default)]
#[must_use = "nothing is checked before `start`"]
pub struct HealthBuilder {
    checks: Vec<Check>,
}

/// How one check is now.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct CheckReport {
    /// Its name.
    pub name: Arc<str>,
    /// What its failure means.
    pub role: Role,
    /// How it is; [`Status::Unknown`] where there is no fresh answer.
    pub status: Status,
    /// How long the last answer took.
    pub latency: Duration,
    /// When it was last well, as the wall clock had it.
    #[expect(clippy::disallowed_types, reason = "it is shown to people")]
    pub last_success: Option<std::time::SystemTime>,
    /// What was wrong with the last answer: not for the public.
    pub error: Option<Arc<str>>,
    /// How often it was asked.
    pub runs: u64,
    pub(crate) word: &'static str,
}

struct Inner {
    entries: Vec<Entry>,
    draining: AtomicBool,
    started: AtomicBool,
    changed: watch::Sender<u64>,
    /// Who else is told, once a `Vitals` knows these checks.
    #[cfg(feature = "sentry")]
    sentry: std::sync::OnceLock<crate::sentry::Connection>,
}

struct Entry {
    check: Check,
    runs: AtomicU64,
    state: Mutex<State>,
}

/// What the answers so far amount to.
#[derive(Debug)]
struct State {
    status: Status,
    answered: Option<Instant>,
    latency: Duration,
    #[expect(clippy::disallowed_types, reason = "it is shown to people")]
    last_success: Option<std::time::SystemTime>,
    error: Option<Arc<str>>,
    /// Answers of one kind in a row.
    failures: u32,
    successes: u32,
}

// === impl Status ===

impl Status {
    /// The word in answers and in the log.
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

// === impl HealthBuilder ===

impl HealthBuilder {
    /// Adds a check.
    pub fn check(mut self, check: Check) -> Self {
        self.checks.push(check);
        self
    }

    /// Adds one that asks nobody: it is unknown until [`Health::set`] says how it is.
    pub fn by_hand(self, name: &str, role: Role) -> Self {
        self.check(Check::by_hand(name).role(role))
    }

    /// Starts the checks, each in a task of its own on the current runtime.
    ///
    /// # Errors
    ///
    /// When a check has a bad setting, two have one name, or there is no runtime with a clock.
    pub fn start(self) -> Result<Health, ConfigError> {
        for (index, check) in self.checks.iter().enumerate() {
            check.verify()?;
            if self.checks[..index]
                .iter()
                .any(|other| other.name == check.name)
            {
                let reason = "a check of this name is there already";
                return Err(ConfigError::new("health.check", &*check.name, reason));
            }
        }
        let entry = |check| Entry {
            check,
            runs: AtomicU64::new(0),
            state: Mutex::new(State::new()),
        };
        let inner = Arc::new(Inner {
            started: AtomicBool::new(self.checks.is_empty()),
            entries: self.checks.into_iter().map(entry).collect(),
            draining: AtomicBool::new(false),
            changed: watch::Sender::new(0),
            #[cfg(feature = "sentry")]
            sentry: std::sync::OnceLock::new(),
        });
        if !inner.entries.is_empty() {
            let runtime = runtime::with_clock("health")?;
            for (index, entry) in inner.entries.iter().enumerate() {
                if !entry.check.is_by_hand() {
                    runtime.spawn(keep_asking(Arc::downgrade(&inner), index));
                }
            }
        }
        Ok(Health { inner })
    }
}

// === impl Health ===

impl Health {
    /// A builder without checks.
    pub fn builder() -> HealthBuilder {
        HealthBuilder::default()
    }

    /// The probes of these checks.
    #[must_use]
    pub fn service(&self) -> HealthService {
        HealthService::new(self.clone())
    }

    /// Whether the service should get requests, and how well it is: of the checks, without those in `exclude`.
    ///
    /// Draining, or before the first round: [`Status::Unhealthy`] and [`Status::Unknown`].
    #[must_use]
    pub fn status_without(&self, exclude: &[&str]) -> Status {
        if self.is_draining() {
            return Status::Unhealthy;
        }
        let reports = self.reports();
        let counted = reports
            .iter()
            .filter(|report| !exclude.contains(&&*report.name));
        let each = counted.map(|report| match (report.role, report.status) {
            (Role::Critical, status) => status,
            (Role::Optional, Status::Healthy) => Status::Healthy,
            (Role::Optional, _) => Status::Degraded,
            (Role::Informational, _) => Status::Healthy,
        });
        each.max().unwrap_or(Status::Healthy)
    }

    /// Whether the service should get requests, and how well it is.
    #[must_use]
    pub fn status(&self) -> Status {
        self.status_without(&[])
    }

    /// How each check is.
    #[must_use]
    pub fn reports(&self) -> Vec<CheckReport> {
        self.inner.entries.iter().map(Entry::report).collect()
    }

    /// Whether every check has answered once, and no critical one was missing then. Once so, always so.
    #[must_use]
    pub fn is_started(&self) -> bool {
        let started = &self.inner.started;
        if !started.load(Ordering::Relaxed) {
            let entries = self.inner.entries.iter();
            let all = entries.map(Entry::report).all(|report| {
                report.status != Status::Unknown
                    && (report.role != Role::Critical || report.status != Status::Unhealthy)
            });
            started.fetch_or(all, Ordering::Relaxed);
        }
        started.load(Ordering::Relaxed)
    }

    /// Says how a dependency is, for a check that was added [by hand](HealthBuilder::by_hand). What was said stays until
    /// something else is said.
    ///
    /// `false` where there is no such check.
    pub fn set(&self, name: &str, status: Status, error: Option<&str>) -> bool {
        let by_hand = |entry: &&Entry| entry.check.is_by_hand() && *entry.check.name == *name;
        let Some(entry) = self.inner.entries.iter().find(by_hand) else {
            return false;
        };
        let before = entry.report().status;
        let mut state = entry.lock();
        state.status = status;
        state.answered = Some(Instant::now());
        state.error = error.map(Into::into);
        drop(state);
        let change = (before != status).then_some((before, status));
        self.inner.tell(entry, change);
        if change.is_some() {
            self.inner.changed.send_modify(|version| *version += 1);
        }
        true
    }

    /// Tells Sentry of critical checks that fail; of several that want to know, the first does.
    #[cfg(feature = "sentry")]
    pub(crate) fn tell_sentry(&self, sentry: crate::sentry::Connection) {
        let _ = self.inner.sentry.set(sentry);
    }

    /// Fails readiness from now on, so that nobody sends more; liveness stays.
    pub fn drain(&self) {
        self.inner.draining.store(true, Ordering::Relaxed);
        self.inner.changed.send_modify(|version| *version += 1);
    }

    /// Whether [`drain`](Self::drain) was said.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.inner.draining.load(Ordering::Relaxed)
    }

    /// Resolves at each change of a check or of draining after the last that was seen.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.inner.changed.subscribe()
    }
}

impl fmt::Debug for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Health")
            .field("status", &self.status())
            .finish_non_exhaustive()
    }
}

// === impl Inner ===

impl Inner {
    /// To the recorder after each answer, to the log where it changed.
    fn tell(&self, entry: &Entry, change: Option<(Status, Status)>) {
        let report = entry.report();
        let name = report.name.to_string();
        let value = match report.status {
            Status::Healthy => 1.0,
            Status::Degraded => 0.5,
            Status::Unknown | Status::Unhealthy => 0.0,
        };
        metrics::gauge!("health_check_status", "check" => name.clone()).set(value);
        metrics::histogram!("health_check_duration_seconds", "check" => name.clone())
            .record(report.latency.as_secs_f64());
        let since = report.last_success.and_then(|last| {
            #[expect(clippy::disallowed_types, reason = "Prometheus counts from there")]
            last.duration_since(std::time::SystemTime::UNIX_EPOCH).ok()
        });
        if let Some(since) = since {
            metrics::gauge!("health_check_last_success_timestamp_seconds", "check" => name)
                .set(since.as_secs_f64());
        }
        if let Some((from, to)) = change {
            log::health(&report, from, to);
            #[cfg(feature = "sentry")]
            if let Some(sentry) = self.sentry.get()
                && (report.role, to) == (Role::Critical, Status::Unhealthy)
            {
                sentry.health(&report);
            }
        }
    }
}

// === impl Entry ===

impl Entry {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn report(&self) -> CheckReport {
        let state = self.lock();
        let fresh = state
            .answered
            .is_some_and(|answered| answered.elapsed() <= self.check.stale_after());
        CheckReport {
            name: Arc::clone(&self.check.name),
            role: self.check.role,
            status: if fresh { state.status } else { Status::Unknown },
            latency: state.latency,
            last_success: state.last_success,
            error: state.error.clone(),
            runs: self.runs.load(Ordering::Relaxed),
            word: self.check.word,
        }
    }

    /// Takes an answer in; gives the status before and after, where they differ.
    fn take(&self, answer: &Result<Answer, String>, latency: Duration) -> Option<(Status, Status)> {
        let mut state = self.lock();
        let before = state.status;
        state.answered = Some(Instant::now());
        state.latency = latency;
        state.error = match answer {
            Ok(Answer::Fine) => None,
            Ok(Answer::Degraded(text)) | Err(text) => Some(text.as_str().into()),
        };
        if answer.is_ok() {
            state.failures = 0;
            state.successes = state.successes.saturating_add(1);
            #[expect(clippy::disallowed_types, reason = "it is shown to people")]
            let now = std::time::SystemTime::now();
            state.last_success = Some(now);
        } else {
            state.successes = 0;
            state.failures = state.failures.saturating_add(1);
        }
        let recovered = before != Status::Unhealthy || state.successes >= self.check.successes;
        state.status = match answer {
            Ok(Answer::Fine) if recovered => Status::Healthy,
            Ok(Answer::Degraded(_)) if recovered => Status::Degraded,
            Err(_) if state.failures >= self.check.failures => Status::Unhealthy,
            // Before it turns, an unknown one is not called well.
            _ => before,
        };
        (state.status != before).then_some((before, state.status))
    }
}

// === impl State ===

impl State {
    const fn new() -> Self {
        Self {
            status: Status::Unknown,
            answered: None,
            latency: Duration::ZERO,
            last_success: None,
            error: None,
            failures: 0,
            successes: 0,
        }
    }
}

/// Asks one check for as long as anybody holds the handle.
async fn keep_asking(inner: Weak<Inner>, index: usize) {
    loop {
        let Some(check) = with(&inner, index, |entry| {
            entry.runs.fetch_add(1, Ordering::Relaxed);
            entry.check.clone()
        }) else {
            return;
        };
        let began = Instant::now();
        let answer = ask(&check).await;
        let latency = began.elapsed();
        let told = inner.upgrade().map(|inner| {
            let entry = &inner.entries[index];
            let change = entry.take(&answer, latency);
            inner.tell(entry, change);
            change.is_some()
        });
        match told {
            None => return,
            Some(false) => {}
            Some(true) => {
                if let Some(inner) = inner.upgrade() {
                    inner.changed.send_modify(|version| *version += 1);
                }
            }
        }
        // Not all replicas at once.
        time::sleep(check.interval.mul_f64(0.9 + 0.2 * fastrand::f64())).await;
    }
}

fn with<T>(inner: &Weak<Inner>, index: usize, act: impl FnOnce(&Entry) -> T) -> Option<T> {
    inner.upgrade()?.entries.get(index).map(act)
}

/// One question in a task of its own, so that a panic ends there; a late answer is none.
async fn ask(check: &Check) -> Result<Answer, String> {
    let mut asked = tokio::spawn({
        let check = check.clone();
        async move { check.ask().await.map_err(|error| log::causes(&*error)) }
    });
    match time::timeout(check.timeout, &mut asked).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(_)) => Err("the check panicked".into()),
        Err(_) => {
            asked.abort();
            Err(format!("no answer within {:?}", check.timeout))
        }
    }
}

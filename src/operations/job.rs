//! Watches background jobs: each run is an exchange of its own, and a job that does not succeed in time shows in health.

#[cfg(feature = "health")]
mod check;
mod error;
mod following;
mod log;
mod run;

use std::{future::Future, panic::resume_unwind, time::Duration};

pub use self::error::JobError;
use self::{error::Ended, following::Following, run::Run};
use super::finished::Subject;
#[cfg(feature = "health")]
use crate::health::Check;
use crate::{facts::work::Work, metrics::Metrics};

/// A background job. See [`job`].
#[derive(Clone, Debug)]
#[must_use = "nothing is watched before something runs"]
pub struct Job {
    subject: Subject<'static>,
    metrics: Option<Metrics>,
    every: Option<Duration>,
}

/// Watches a background job under this name. It does not schedule: the application runs the job when it wants.
///
/// # What a run is
///
/// A run is an exchange of its own, as a request is, wherever it runs: in a task, on a thread, or awaited in a handler. So
/// [`Exchange::current`](crate::exchange::Exchange::current) within the run has a new id and a new trace, and these carry the id:
/// log lines, [outbound requests](crate::request_id::ForwardRequestIdLayer) and Sentry events.
/// [`RequestContext`](crate::RequestContext) adds user, tenant, tags and category to the run. After the run, and between its
/// polls, the exchange of the handler is the current one again. A run counts as no request. A task that the run spawns is outside,
/// unless [`Exchange::scope`](crate::exchange::Exchange::scope) carries the run there.
///
/// If a subscriber listens, a span of level `INFO` and name `job` is around the run, with the fields `job`, `request_id`,
/// `trace_id` and, at the end, `outcome`. It has no parent.
///
/// With a Sentry client that the application has bound, the run has a scope of its own. It begins with what the main hub had at
/// start, and has no data of what ran on the thread before.
///
/// # When it speaks
///
/// Once, when the run has ended: it returned, it panicked, or its future was dropped.
///
/// - `job_runs_total{job,outcome}` and `job_duration_seconds{job}` count it. The outcome is `success`, `error`, `timeout`,
///   `cancelled` or `panicked`. After a success `job_last_success_timestamp_seconds{job}` is the time of day.
/// - One log event `job` of target `tower_vitals`: `ERROR` after an error or a panic, `WARN` if it was cancelled, else `INFO`. Its
///   fields are `request_id`, `trace_id`, `span_id`, `job`, `outcome`, `duration_ms`, of a failure `category` and `cause`, and
///   `user_id`, `tenant_id` and `tags` if the run has added them.
/// - An error and a panic are one event in Sentry, as those of a request are: with the causes of the error, the tags `job`,
///   `error_category` and `request_id`, and at most 10 in a minute for one job and type of error. What is above that is counted
///   in `vitals_dropped_total{sink="sentry_flood"}` of the process. Nothing is reported without a bound client.
///
/// ```
/// use std::{io, time::Duration};
/// use tower_vitals::job;
///
/// async fn roll_up() -> io::Result<u64> { Ok(7) }
///
/// # async fn nightly() -> io::Result<()> {
/// let rollup = job("nightly_rollup").every(Duration::from_secs(24 * 3_600));
/// let rows = rollup.clone().try_run(roll_up()).await?;
/// # Ok(())
/// # }
/// ```
pub const fn job(name: &'static str) -> Job {
    Job {
        subject: Subject {
            work: Work::Job,
            name,
            detail: 0,
            threshold: Duration::MAX,
        },
        metrics: None,
        every: None,
    }
}

// === impl Job ===

impl Job {
    /// How often the job is expected to succeed. It schedules nothing: a [check](Self::check) says when it is overdue. There is
    /// no default.
    pub const fn every(mut self, every: Duration) -> Self {
        self.every = Some(every);
        self
    }

    /// From when on a run is slow. By default no run is slow.
    pub const fn threshold(mut self, threshold: Duration) -> Self {
        self.subject.threshold = threshold;
        self
    }

    /// Counts in these counters. Defaults to those of the process.
    pub fn metrics(mut self, metrics: &Metrics) -> Self {
        self.metrics = Some(metrics.clone());
        self
    }

    /// Runs a future. It succeeds if it completes, whatever it returns. [`try_run`](Self::try_run) looks at an `Err`.
    ///
    /// The run begins with the first poll. If the future is dropped before it completes, the run was cancelled.
    ///
    /// # Panics
    ///
    /// If the future panics: the panic passes through when it is reported.
    pub async fn run<F: Future>(self, future: F) -> F::Output {
        let following = Following::new(self.begin(), future);
        following.finish(|_| Ended::Success).await
    }

    /// Runs a future that can return an error, which is a failure of the run. Else as [`run`](Self::run).
    ///
    /// The outcome is `timeout` if the error, or one of its causes, is one that says so by its type, such as that of
    /// `tokio::time::timeout`. Causes of the application's own types are seen, too: a job may take the time to look. The [category](crate::category) is that of the error by the built-in rules.
    ///
    /// # Errors
    ///
    /// That of the future.
    ///
    /// # Panics
    ///
    /// If the future panics: the panic passes through when it is reported.
    pub async fn try_run<F, T, E, Of>(self, future: F) -> Result<T, E>
    where
        F: Future<Output = Result<T, E>>,
        E: JobError<Of>,
        Of: ?Sized,
    {
        let following = Following::new(self.begin(), future);
        following.finish(error::ended).await
    }

    /// Runs plain code on this thread. It succeeds if it returns. [`try_time`](Self::try_time) looks at an `Err`.
    ///
    /// # Panics
    ///
    /// If the code panics: the panic passes through when it is reported.
    pub fn time<T>(self, code: impl FnOnce() -> T) -> T {
        self.on_thread(code, |_| Ended::Success)
    }

    /// Runs plain code on this thread that can return an error, which is a failure of the run. See [`try_run`](Self::try_run).
    ///
    /// # Errors
    ///
    /// That of the code.
    ///
    /// # Panics
    ///
    /// If the code panics: the panic passes through when it is reported.
    ///
    /// ```
    /// use std::fs;
    /// use tower_vitals::job;
    ///
    /// # let directory = std::env::temp_dir();
    /// let files = || fs::read_dir(directory).map(Iterator::count);
    /// let count = job("count_files").try_time(files)?;
    /// # std::io::Result::Ok(())
    /// ```
    pub fn try_time<T, E, Of>(self, code: impl FnOnce() -> Result<T, E>) -> Result<T, E>
    where
        E: JobError<Of>,
        Of: ?Sized,
    {
        self.on_thread(code, error::ended)
    }

    /// A check with the name of the job. It fails when the job is overdue: if it has not succeeded for longer than
    /// [`every`](Self::every) and a tenth of it. Before the first success, the time since this call counts. It is
    /// [informational](crate::health::Role::Informational) by default, so an overdue job is only shown.
    ///
    /// It sees the runs that count in the same [counters](Self::metrics), of whatever handle of this name. The start of the
    /// checks refuses it if `every` is missing or zero.
    ///
    /// ```
    /// use std::time::Duration;
    /// use tower_vitals::{health::Health, job};
    ///
    /// # async fn start() -> Result<(), Box<dyn std::error::Error>> {
    /// let rollup = job("nightly_rollup").every(Duration::from_secs(24 * 3_600));
    /// let health = Health::builder().check(rollup.check()).start()?;
    /// # Ok(())
    /// # }
    /// ```
    #[cfg(feature = "health")]
    #[cfg_attr(tower_vitals_docsrs, doc(cfg(feature = "health")))]
    #[must_use]
    pub fn check(&self) -> Check {
        check::of(self.subject.name, self.every, self.metrics.clone())
    }

    fn begin(self) -> Run {
        Run::begin(self.subject, self.metrics)
    }

    fn on_thread<T>(self, code: impl FnOnce() -> T, judge: impl FnOnce(&T) -> Ended) -> T {
        let mut run = self.begin();
        match run.enter(code) {
            Ok(output) => {
                run.end(judge(&output));
                output
            }
            Err(payload) => {
                run.panicked(&*payload);
                resume_unwind(payload)
            }
        }
    }
}

//! Measures a piece of code: the part that functions and queries share.

use std::{future::Future, thread, time::Duration};

use super::{
    finished::Subject,
    followed::{Followed, State},
    judged,
    running::Running,
};
use crate::{facts::work::CallOutcome, metrics::Metrics};

/// A piece of code to measure, as [`monitored`](super::monitored) and [`query`](super::query) make it.
///
/// See the [module docs](super) for how it is counted, and for what is slow.
#[derive(Clone, Debug)]
#[must_use = "nothing is measured before something runs"]
pub struct Measured {
    subject: Subject<'static>,
    metrics: Option<Metrics>,
}

/// Code that runs, and is measured until this ends or is dropped. See [`Measured::start`].
#[derive(Debug)]
#[must_use = "it ends at once"]
pub struct MeasuredGuard {
    running: Running,
    /// Its thread already panicked when it began, so it does not end by that panic.
    in_panic: bool,
}

// === impl Measured ===

impl Measured {
    pub(super) const fn new(subject: Subject<'static>) -> Self {
        Self {
            subject,
            metrics: None,
        }
    }

    /// What takes longer is slow. Defaults to 1 s. With `Duration::MAX` nothing is.
    pub const fn threshold(mut self, threshold: Duration) -> Self {
        self.subject.threshold = threshold;
        self
    }

    /// Counts in these counters. Defaults to [`Metrics::global`].
    pub fn metrics(mut self, metrics: &Metrics) -> Self {
        self.metrics = Some(metrics.clone());
        self
    }

    /// Runs a future. It is a success if it returns, whatever it returns. **For a future of a `Result` use
    /// [`try_run`](Self::try_run)**: here an `Err` is a success.
    ///
    /// The time runs from the first poll on. If nobody polls the future, nothing is counted.
    ///
    /// ```
    /// use tower_vitals::monitored;
    ///
    /// # async fn refresh() -> usize { 3 }
    /// # async fn handler() {
    /// let found = monitored("refresh_prices").run(refresh()).await;
    /// # let _: usize = found;
    /// # }
    /// ```
    pub fn run<F: Future>(self, future: F) -> impl Future<Output = F::Output> {
        let new = State::New(self.subject, self.metrics);
        Followed::new(new, future, |_: &F::Output| CallOutcome::Success)
    }

    /// Runs a future that returns a `Result`. An `Err` is an error, or a timeout if its type, or that of one of its causes, says so.
    ///
    /// Known are `std::io::Error`, the `Elapsed` of Tokio, and the errors of the libraries whose features are on; alone, in a `Box`,
    /// in an `Arc` or as a `dyn Error`, and in `anyhow` and `eyre` with these features. Of an error type of the application's own,
    /// nothing is known: its `Err` is an error. In a `Box<dyn Error>`, its causes are asked.
    ///
    /// ```
    /// use std::{io, time::Duration};
    /// use tower_vitals::query;
    ///
    /// # async fn find(id: u32) -> io::Result<String> { Ok(id.to_string()) }
    /// # async fn handler() -> io::Result<()> {
    /// let threshold = Duration::from_millis(200);
    /// let query = query("SELECT", "appointments").threshold(threshold);
    /// let found = query.try_run(find(7)).await?;
    /// # let _: String = found;
    /// # Ok(())
    /// # }
    /// ```
    pub fn try_run<F, T, E>(self, future: F) -> impl Future<Output = Result<T, E>>
    where
        F: Future<Output = Result<T, E>>,
        E: 'static,
    {
        let new = State::New(self.subject, self.metrics);
        Followed::new(new, future, judged::outcome)
    }

    /// Runs plain code on this thread. It is a success if it returns, whatever it returns.
    ///
    /// ```
    /// use tower_vitals::monitored;
    ///
    /// let sum = monitored("add_up").time(|| (1..=100).sum::<u32>());
    /// assert_eq!(sum, 5_050);
    /// ```
    pub fn time<T>(self, code: impl FnOnce() -> T) -> T {
        let running = Running::begin(self.subject, self.metrics);
        running.time(code, |_| CallOutcome::Success)
    }

    /// Runs plain code that returns a `Result`, which is judged as [`try_run`](Self::try_run) has it.
    ///
    /// # Errors
    ///
    /// That of the code.
    pub fn try_time<T, E: 'static>(self, code: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
        let running = Running::begin(self.subject, self.metrics);
        running.time(code, judged::outcome)
    }

    /// Begins now, for code that no closure can hold. It ends with [`MeasuredGuard::end`].
    ///
    /// ```
    /// use tower_vitals::{monitored, operations::CallOutcome};
    ///
    /// let running = monitored("import").start();
    /// // The import.
    /// running.end(CallOutcome::Success);
    /// ```
    pub fn start(self) -> MeasuredGuard {
        MeasuredGuard {
            running: Running::begin(self.subject, self.metrics),
            in_panic: thread::panicking(),
        }
    }
}

// === impl MeasuredGuard ===

impl MeasuredGuard {
    /// Ends it.
    ///
    /// A guard that is dropped without it counts as [`Cancelled`](CallOutcome::Cancelled), or as
    /// [`Panicked`](CallOutcome::Panicked) if its thread panics meanwhile. It cannot know better: a `return` or a `?` before the end
    /// counts as cancelled. [`Measured::try_time`] and [`Measured::try_run`] see the `Err`.
    pub fn end(mut self, outcome: CallOutcome) {
        self.running.end_late(outcome);
    }
}

impl Drop for MeasuredGuard {
    fn drop(&mut self) {
        self.running
            .end_late(match thread::panicking() && !self.in_panic {
                true => CallOutcome::Panicked,
                false => CallOutcome::Cancelled,
            });
    }
}

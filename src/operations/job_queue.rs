//! Asks from time to time how many jobs wait in a queue.

use std::{fmt, time::Duration};

use super::sampling::Sampling;
use crate::{
    config::ConfigError,
    metrics::{Metrics, catalog::Id, sampled::Sampled},
};

/// A queue whose length is asked for. See [`job_queue`].
#[must_use = "nothing is asked before it starts"]
pub struct JobQueue<F> {
    sampling: Sampling,
    length: F,
}

/// Asks how many jobs wait in a queue, and shows it as `job_queue_length{queue}`.
///
/// `length` runs on a thread of its own, never on the path of a request or of a scrape, so it may block. If it hangs, the last
/// length stays, and `vitals_sample_age_seconds{sampler="job_queue:NAME"}` shows how old it is. If it panics, there is no length
/// until it answers again, and `vitals_hook_failures_total` counts it. The thread has no Tokio runtime: `Handle::current()`
/// panics there. A length that only an `async` call can tell is best kept in an atomic by a task of yours.
///
/// ```
/// use std::{collections::VecDeque, sync::{Arc, Mutex}};
/// use tower_vitals::job_queue;
///
/// let emails = Arc::new(Mutex::new(VecDeque::<String>::new()));
/// let waiting = Arc::clone(&emails);
/// job_queue("emails", move || waiting.lock().map_or(0, |queue| queue.len())).start()?;
/// # Ok::<(), tower_vitals::config::ConfigError>(())
/// ```
pub fn job_queue<F>(name: &str, length: F) -> JobQueue<F>
where
    F: FnMut() -> usize + Send + 'static,
{
    JobQueue {
        sampling: Sampling::new("job_queue", name),
        length,
    }
}

// === impl JobQueue ===

impl<F: FnMut() -> usize + Send + 'static> JobQueue<F> {
    /// The time from an answer to the next question, from 1 s to 1 h. Defaults to 10 s.
    pub fn every(mut self, every: Duration) -> Self {
        self.sampling.every = every;
        self
    }

    /// Shows the length in these counters. Defaults to those of the process.
    pub fn metrics(mut self, metrics: &Metrics) -> Self {
        self.sampling.metrics = Some(metrics.clone());
        self
    }

    /// Begins to ask, first at once, until the counters end. A queue that is started later under the same name takes the place of
    /// this one.
    ///
    /// # Errors
    ///
    /// If the name is empty, [`every`](Self::every) is out of its range, or no thread can start.
    pub fn start(self) -> Result<(), ConfigError> {
        let mut length = self.length;
        self.sampling.on_thread(move |queue| {
            let length = length() as f64;
            vec![Sampled::gauge(Id::JobQueueLength, &[queue], length)]
        })
    }
}

impl<F> fmt::Debug for JobQueue<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JobQueue")
            .field("name", &self.sampling.name)
            .field("every", &self.sampling.every)
            .finish_non_exhaustive()
    }
}

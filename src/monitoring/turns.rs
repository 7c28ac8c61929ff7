//! Runs what takes long on threads that may block, one after the other.

use std::{sync::Arc, time::Duration};

use tokio::{runtime::Handle, sync::Semaphore, task, time};

use super::refusal::Refusal;
use crate::runtime;

/// How long an answer waits for an evaluation.
const LONGEST: Duration = Duration::from_secs(10);

/// Whose turn it is. Clones share it.
#[derive(Clone, Debug)]
pub(super) struct Turns {
    /// However many ask, reading takes one thread.
    reading: Arc<Semaphore>,
    evaluating: Arc<Semaphore>,
}

// === impl Turns ===

impl Turns {
    pub(super) fn new() -> Self {
        Self {
            reading: Arc::new(Semaphore::new(1)),
            evaluating: Arc::new(Semaphore::new(1)),
        }
    }

    /// Runs `work` when it is its turn. Without a Tokio runtime it runs here and now.
    pub(super) async fn read<R: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<R, Refusal> + Send + 'static,
    ) -> Result<R, Refusal> {
        if Handle::try_current().is_err() {
            return work();
        }
        // Nobody closes the semaphore.
        let turn = Arc::clone(&self.reading).acquire_owned().await.ok();
        let run = move || {
            let _turn = turn;
            work()
        };
        match task::spawn_blocking(run).await {
            Ok(done) => done,
            Err(_) => Err(Refusal::unavailable("the answer could not be made")),
        }
    }

    /// Runs an evaluation, if none is under way. One that takes too long goes on without the client.
    pub(super) async fn evaluate<R: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<R, Refusal> + Send + 'static,
    ) -> Result<R, Refusal> {
        if runtime::with_clock("evaluate").is_err() {
            let sentence = "an evaluation needs a Tokio runtime that has a clock";
            return Err(Refusal::unavailable(sentence));
        }
        let Ok(turn) = Arc::clone(&self.evaluating).try_acquire_owned() else {
            return Err(Refusal::unavailable(
                "an evaluation is under way: ask later",
            ));
        };
        let run = move || {
            let _turn = turn;
            work()
        };
        match time::timeout(LONGEST, task::spawn_blocking(run)).await {
            Ok(Ok(done)) => done,
            Ok(Err(_)) => Err(Refusal::unavailable("the evaluation failed")),
            Err(_) => Err(Refusal::unavailable(
                "the evaluation takes longer than 10 seconds, and goes on",
            )),
        }
    }
}

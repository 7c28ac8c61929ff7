//! Runs what takes long on threads that may block, one after the other.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use http::Response;
use http_body_util::Full;
use tokio::{
    runtime::Handle,
    sync::{Semaphore, oneshot},
    task, time,
};

use super::refusal::Refusal;
use crate::runtime;

/// How long an answer waits for an evaluation.
const LONGEST: Duration = Duration::from_secs(10);

/// What somebody gets who asked.
pub(super) type Answer = Result<Response<Full<Bytes>>, Refusal>;

/// Whose turn it is. Clones share it.
#[derive(Clone, Debug)]
pub(super) struct Turns {
    /// However many ask, their answers take one thread.
    working: Arc<Semaphore>,
    evaluating: Arc<Semaphore>,
    testing: Arc<Semaphore>,
    waiting: Waiting,
}

/// Who waits for the same answer, by what they asked. Their turn has not come.
#[derive(Clone, Debug, Default)]
struct Waiting(Arc<Mutex<HashMap<String, Vec<oneshot::Sender<Answer>>>>>);

/// Those who wait for one answer. If it is dropped, they get none.
#[derive(Debug)]
struct Together {
    waiting: Waiting,
    /// `None` after they were taken: who asks the same then is of others.
    asked: Option<String>,
}

// === impl Turns ===

impl Turns {
    pub(super) fn new() -> Self {
        Self {
            working: Arc::new(Semaphore::new(1)),
            evaluating: Arc::new(Semaphore::new(1)),
            testing: Arc::new(Semaphore::new(1)),
            waiting: Waiting::default(),
        }
    }

    /// Makes an answer when its turn comes. All who ask the same until then share it, so it is never older than its question.
    /// Without a Tokio runtime it is made here and now.
    pub(super) async fn share(
        &self,
        asked: String,
        work: impl FnOnce() -> Answer + Send + 'static,
    ) -> Answer {
        let Ok(runtime) = Handle::try_current() else {
            return work();
        };
        let (sender, receiver) = oneshot::channel();
        if let Some(mut together) = self.waiting.join(asked, sender) {
            let turn = Arc::clone(&self.working).acquire_owned();
            // It goes on if the first client leaves.
            runtime.spawn(async move {
                // Nobody closes the semaphore.
                let turn = turn.await.ok();
                let run = move || {
                    let _turn = turn;
                    let readers = together.take();
                    let answer = work();
                    for reader in readers {
                        // Who has left needs nothing.
                        let _ = reader.send(answer.clone());
                    }
                };
                let _ = task::spawn_blocking(run).await;
            });
        }
        receiver.await.unwrap_or_else(|_| Err(failed()))
    }

    /// Does something when its turn comes. Without a Tokio runtime it is done here and now.
    pub(super) async fn work(&self, work: impl FnOnce() -> Answer + Send + 'static) -> Answer {
        if Handle::try_current().is_err() {
            return work();
        }
        let turn = Arc::clone(&self.working).acquire_owned().await.ok();
        let run = move || {
            let _turn = turn;
            work()
        };
        task::spawn_blocking(run)
            .await
            .unwrap_or_else(|_| Err(failed()))
    }

    /// Sends tests, if none are under way. Readers do not wait for them. They end by themselves.
    pub(super) async fn test(&self, work: impl FnOnce() -> Answer + Send + 'static) -> Answer {
        if Handle::try_current().is_err() {
            return work();
        }
        let Ok(turn) = Arc::clone(&self.testing).try_acquire_owned() else {
            return Err(Refusal::unavailable("tests are under way: ask later"));
        };
        let run = move || {
            let _turn = turn;
            work()
        };
        let sent = task::spawn_blocking(run).await;
        sent.unwrap_or_else(|_| Err(failed()))
    }

    /// Runs an evaluation, if none is under way. One that takes too long goes on without the client.
    pub(super) async fn evaluate(&self, work: impl FnOnce() -> Answer + Send + 'static) -> Answer {
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

fn failed() -> Refusal {
    Refusal::unavailable("the answer could not be made")
}

// === impl Waiting ===

impl Waiting {
    /// Adds a reader. Gives those who wait together if this is the first one: who has it makes their answer.
    fn join(&self, asked: String, reader: oneshot::Sender<Answer>) -> Option<Together> {
        let mut waiting = self.lock();
        if let Some(readers) = waiting.get_mut(&asked) {
            readers.push(reader);
            return None;
        }
        waiting.insert(asked.clone(), vec![reader]);
        Some(Together {
            waiting: self.clone(),
            asked: Some(asked),
        })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Vec<oneshot::Sender<Answer>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Together ===

impl Together {
    /// Those who wait. Who asks the same from now on waits for the next answer.
    fn take(&mut self) -> Vec<oneshot::Sender<Answer>> {
        let asked = self.asked.take();
        let readers = asked.and_then(|asked| self.waiting.lock().remove(&asked));
        readers.unwrap_or_default()
    }
}

impl Drop for Together {
    fn drop(&mut self) {
        self.take();
    }
}

#[cfg(test)]
mod tests;

//! Runs what takes long on threads that may block, one after the other.

use std::{sync::Arc, time::Duration};

use tokio::{
    runtime::Handle,
    sync::{Semaphore, oneshot},
    task, time,
};

use super::{
    questions::{Answer, Questions, failed},
    refusal::Refusal,
};
use crate::runtime::Clock;

/// How long an answer waits for an evaluation.
const LONGEST: Duration = Duration::from_secs(10);

/// Whose turn it is. Clones share it.
#[derive(Clone, Debug)]
pub(super) struct Turns {
    questions: Questions,
    /// Questions that another machine answers wait for each other, and nobody else for them.
    far: Questions,
    /// Changes have a turn of their own: however many ask, an operator can act.
    changing: Arc<Semaphore>,
    evaluating: Arc<Semaphore>,
    testing: Arc<Semaphore>,
    clock: Clock,
}

// === impl Turns ===

impl Turns {
    pub(super) fn new() -> Self {
        Self {
            questions: Questions::default(),
            far: Questions::default(),
            changing: Arc::new(Semaphore::new(1)),
            evaluating: Arc::new(Semaphore::new(1)),
            testing: Arc::new(Semaphore::new(1)),
            clock: Clock::default(),
        }
    }

    /// Knows whether there are timers.
    pub(super) const fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Makes an answer when its turn comes. All who ask the same until then share it, so it is never older than its question.
    /// Without a Tokio runtime it is made here and now. If nobody waits for it any more, it is not made.
    pub(super) async fn share(
        &self,
        asked: String,
        work: impl FnOnce() -> Answer + Send + 'static,
    ) -> Answer {
        Self::shared(&self.questions, asked, work).await
    }

    /// The same, if another machine must be asked, which can take seconds.
    pub(super) async fn share_far(
        &self,
        asked: String,
        work: impl FnOnce() -> Answer + Send + 'static,
    ) -> Answer {
        Self::shared(&self.far, asked, work).await
    }

    async fn shared(
        questions: &Questions,
        asked: String,
        work: impl FnOnce() -> Answer + Send + 'static,
    ) -> Answer {
        let Ok(runtime) = Handle::try_current() else {
            return work();
        };
        let (reader, answer) = oneshot::channel();
        if let Some(answering) = questions.join(asked, reader, work)? {
            runtime.spawn(answering.run());
        }
        answer.await.unwrap_or_else(|_| Err(failed()))
    }

    /// Changes something when its turn comes. Without a Tokio runtime it is done here and now.
    pub(super) async fn work(&self, work: impl FnOnce() -> Answer + Send + 'static) -> Answer {
        if Handle::try_current().is_err() {
            return work();
        }
        // Nobody closes the semaphore.
        let turn = Arc::clone(&self.changing).acquire_owned().await.ok();
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
        if !self.clock.is_there() {
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

#[cfg(test)]
mod tests;

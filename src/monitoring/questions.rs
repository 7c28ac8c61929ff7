//! Answers questions one after the other on a thread that may block. A bounded number of different ones wait.

use std::{
    collections::VecDeque,
    fmt, mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use http::Response;
use http_body_util::Full;
use tokio::{sync::oneshot, task};

use super::refusal::Refusal;

/// The most different questions that wait.
const MOST: usize = 32;

/// What somebody gets who asked.
pub(super) type Answer = Result<Response<Full<Bytes>>, Refusal>;

/// The questions that wait. Clones share them.
#[derive(Clone, Debug, Default)]
pub(super) struct Questions(Arc<Mutex<Queue>>);

#[derive(Debug, Default)]
struct Queue {
    waiting: VecDeque<Question>,
    /// Somebody answers, until none waits.
    is_answered: bool,
}

/// One question, and who waits for its answer.
struct Question {
    asked: String,
    readers: Vec<oneshot::Sender<Answer>>,
    work: Box<dyn FnOnce() -> Answer + Send>,
}

/// Who answers: one at a time. If it is dropped before its end, as with its runtime, those who wait get no answer.
#[derive(Debug)]
pub(super) struct Answering {
    questions: Questions,
    has_ended: bool,
}

/// Why a question gets no answer whose work broke off.
pub(super) fn failed() -> Refusal {
    Refusal::unavailable("the answer could not be made")
}

// === impl Questions ===

impl Questions {
    /// Adds a reader to those who ask the same, or a question. Gives who answers if nobody does yet.
    pub(super) fn join(
        &self,
        asked: String,
        reader: oneshot::Sender<Answer>,
        work: impl FnOnce() -> Answer + Send + 'static,
    ) -> Result<Option<Answering>, Refusal> {
        let mut queue = self.lock();
        let mut waiting = queue.waiting.iter_mut();
        if let Some(same) = waiting.find(|question| question.asked == asked) {
            same.add(reader);
            return Ok(None);
        }
        if queue.waiting.len() >= MOST {
            queue.waiting.retain_mut(Question::has_readers);
        }
        if queue.waiting.len() >= MOST {
            let sentence = "32 other questions wait for their answers: ask again in a second";
            return Err(Refusal::busy(sentence));
        }
        queue.waiting.push_back(Question {
            asked,
            readers: vec![reader],
            work: Box::new(work),
        });
        if queue.is_answered {
            return Ok(None);
        }
        queue.is_answered = true;
        Ok(Some(Answering {
            questions: self.clone(),
            has_ended: false,
        }))
    }

    /// How many wait for the answer to a question whose turn has not come.
    #[cfg(test)]
    pub(super) fn readers(&self, asked: &str) -> usize {
        let queue = self.lock();
        let mut waiting = queue.waiting.iter();
        let same = waiting.find(|question| question.asked == asked);
        same.map_or(0, |question| question.readers.len())
    }

    /// How many different questions wait.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.lock().waiting.len()
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Question ===

impl Question {
    fn add(&mut self, reader: oneshot::Sender<Answer>) {
        // Those who left need no room. It is looked at seldom, so that many readers cost little.
        if self.readers.len() == self.readers.capacity() {
            self.has_readers();
        }
        self.readers.push(reader);
    }

    /// Forgets the readers who left. Whether there are others.
    fn has_readers(&mut self) -> bool {
        self.readers.retain(|reader| !reader.is_closed());
        !self.readers.is_empty()
    }

    /// It can take milliseconds.
    fn answer(self) {
        let answer = (self.work)();
        for reader in self.readers {
            // Who has left needs nothing.
            let _ = reader.send(answer.clone());
        }
    }
}

impl fmt::Debug for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // What was asked can hold what is nobody's business.
        f.debug_struct("Question")
            .field("readers", &self.readers.len())
            .finish_non_exhaustive()
    }
}

// === impl Answering ===

impl Answering {
    /// Answers until nobody waits. It goes on if a client leaves.
    pub(super) async fn run(mut self) {
        while let Some(question) = self.next() {
            // If it panics, its readers are told.
            let _ = task::spawn_blocking(|| question.answer()).await;
        }
    }

    /// The next question that somebody waits for. Who asks the same from now on waits for the next answer.
    fn next(&mut self) -> Option<Question> {
        let mut queue = self.questions.lock();
        while let Some(mut question) = queue.waiting.pop_front() {
            if question.has_readers() {
                return Some(question);
            }
        }
        queue.is_answered = false;
        self.has_ended = true;
        None
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        if !self.has_ended {
            let left = mem::take(&mut *self.questions.lock());
            // Nobody else can look while it is locked, so it is dropped after that.
            drop(left);
        }
    }
}

//! Does what instances share beside their counts, on a thread of its own: deployments, and a chore of each minute.

use std::{
    collections::VecDeque,
    fmt,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use redis::{Pipeline, Value, from_redis_value};
use tokio::time::Instant;

use super::{
    link_error::LinkError,
    marks::{Mark, NewMark, Noted, Noting, Told},
};
use crate::{config::ConfigError, report::delivery_queue::contained, timestamp};

/// How often deployments of others are looked for.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// How often the chore of each minute is done.
const MINUTE: Duration = Duration::from_secs(60);

/// How soon a deployment is sent again of which nobody knows whether Redis has heard.
const AGAIN: Duration = Duration::from_millis(500);

/// For how long it is sent again before people are told all the same.
const UNCERTAIN: Duration = Duration::from_secs(10);

/// The most deployments that wait for Redis.
const MOST_WAITING: usize = 50;

/// Asks Redis.
pub(crate) type Ask = Box<dyn FnMut(&Pipeline) -> Result<Value, LinkError> + Send>;

/// Hears what became of a deployment, once.
pub(crate) type Then = Box<dyn FnOnce(Noted) + Send>;

/// Hears all marks.
pub(crate) type Heard = Box<dyn Fn(&[Mark]) + Send>;

/// What the thread needs.
pub(crate) struct Chores {
    pub(crate) noting: Noting,
    pub(crate) ask: Ask,
    /// Is called when they have changed.
    pub(crate) heard: Heard,
    /// Done once a minute.
    pub(crate) each_minute: Option<Box<dyn FnMut() + Send>>,
}

/// The deployments that instances share. Clones share them. The thread ends with the last one.
#[derive(Clone)]
pub(crate) struct SharedMarks(Arc<Held>);

struct Held(Arc<Shared>);

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    wake: Condvar,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Waiting>,
    /// As Redis had them last. `None` before the first time.
    known: Option<Vec<Mark>>,
    has_ended: bool,
}

/// A deployment that Redis has not heard of.
struct Waiting {
    new: NewMark,
    since: Instant,
    mark: Mark,
    /// `None` once somebody was told.
    then: Option<Then>,
    /// Since when it was sent without an answer. It may have been noted.
    sent: Option<Instant>,
}

/// The work of the thread.
struct Worker {
    shared: Arc<Shared>,
    chores: Chores,
    /// The number of marks and the last one, as they were read.
    seen: Option<(i64, Option<String>)>,
    /// Known before Redis was asked.
    before: Vec<Mark>,
    minute: Instant,
}

// === impl SharedMarks ===

impl SharedMarks {
    /// Starts the thread. `before` are the deployments that this instance knows from earlier: Redis gets them if it has none.
    ///
    /// # Errors
    ///
    /// If the thread cannot start.
    pub(crate) fn start(chores: Chores, before: Vec<Mark>) -> Result<Self, ConfigError> {
        let shared = Arc::new(Shared::default());
        let mut worker = Worker {
            shared: Arc::clone(&shared),
            chores,
            seen: None,
            before,
            minute: Instant::now(),
        };
        let thread = thread::Builder::new().name("vitals-shared".to_owned());
        let started = thread.spawn(move || worker.run());
        started.map_err(|error| ConfigError::new("fleet", "", error.to_string()))?;
        Ok(Self(Arc::new(Held(shared))))
    }

    /// Notes a deployment. `then` hears what became of it, on the thread: within seconds, also if Redis is not reached.
    pub(crate) fn note(&self, new: NewMark, then: Then) {
        let shared = &self.0.0;
        let mut state = shared.state();
        let mark = Mark::alone(&new, timestamp::since_1970());
        if state.waiting.len() >= MOST_WAITING {
            state.waiting.pop_front();
        }
        state.waiting.push_back(Waiting {
            new,
            since: Instant::now(),
            mark,
            then: Some(then),
            sent: None,
        });
        shared.wake.notify_one();
    }

    /// All deployments that are known, with those that Redis has not heard of. `None` before Redis answered the first time.
    pub(crate) fn known(&self) -> Option<Vec<Mark>> {
        let state = self.0.0.state();
        let mut all = state.known.clone()?;
        let waiting = state
            .waiting
            .iter()
            .filter(|one| one.new.told != Told::Start);
        all.extend(waiting.map(|one| one.mark.clone()));
        Some(all)
    }
}

impl fmt::Debug for SharedMarks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedMarks").finish_non_exhaustive()
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.0.state().has_ended = true;
        self.0.wake.notify_one();
    }
}

// === impl Shared ===

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl State ===

impl State {
    /// Who waits to be told though Redis is not reached, once. Of what was sent, an answer may tell soon.
    fn next_untold(&mut self) -> Option<Then> {
        let mut untold = self.waiting.iter_mut().filter(|one| !one.is_uncertain());
        untold.find_map(|one| one.then.take())
    }

    /// Whether something is new, or must be sent again.
    fn is_due(&self, again: bool) -> bool {
        let mut untold = self.waiting.iter().filter(|one| one.then.is_some());
        untold.any(|one| again || !one.is_uncertain())
    }
}

// === impl Waiting ===

impl Waiting {
    /// Whether Redis may have heard of it, and may say so soon.
    fn is_uncertain(&self) -> bool {
        self.sent.is_some_and(|sent| sent.elapsed() < UNCERTAIN)
    }
}

// === impl Worker ===

impl Worker {
    fn run(&mut self) {
        // Somebody who is told can panic: the next one is told all the same.
        contained(|| self.each_minute());
        while self.wait() {
            contained(|| self.step());
            if self.minute.elapsed() >= MINUTE {
                contained(|| self.each_minute());
            }
        }
    }

    /// Waits for a deployment, or until it is time to look or to send one again. `false` at the end.
    fn wait(&self) -> bool {
        let state = self.shared.state();
        let time = if state.is_due(true) {
            AGAIN
        } else {
            LOOK_EVERY
        };
        let is_quiet = |state: &mut State| !state.has_ended && !state.is_due(false);
        let waited = self.shared.wake.wait_timeout_while(state, time, is_quiet);
        let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        !state.has_ended
    }

    fn each_minute(&mut self) {
        self.minute = Instant::now();
        if let Some(chore) = &mut self.chores.each_minute {
            chore();
        }
    }

    /// Sends what waits, in order, and reads what is new.
    fn step(&mut self) {
        let reached = self.restore().and_then(|()| self.send());
        if reached.and_then(|()| self.read()).is_err() {
            // People are told of what this instance knows. One at a time: if one of them panics, the next step tells the others.
            loop {
                // Nothing is locked while somebody is told.
                let next = self.shared.state().next_untold();
                let Some(then) = next else {
                    return;
                };
                then(Noted::Alone);
            }
        }
    }

    /// Gives Redis what it has lost: the marks, or which version runs if there are none.
    fn restore(&mut self) -> Result<(), LinkError> {
        let looked = self.look()?;
        if looked.0 > 0 {
            return Ok(());
        }
        let known = self.shared.state().known.clone();
        let marks = known.filter(|known| !known.is_empty());
        let marks = marks.unwrap_or_else(|| self.before.clone());
        if !marks.is_empty() {
            let pipeline = self.chores.noting.restore(&marks);
            return (self.chores.ask)(&pipeline).map(drop);
        }
        let Some(version) = self.chores.noting.version.clone() else {
            return Ok(());
        };
        let start = NewMark::start(version);
        let pipeline = self.chores.noting.note(&start, Duration::ZERO);
        (self.chores.ask)(&pipeline).map(drop)
    }

    /// The number of marks, and the last one.
    fn look(&mut self) -> Result<(i64, Option<String>), LinkError> {
        let answer = (self.chores.ask)(&self.chores.noting.look())?;
        from_redis_value(answer).map_err(|error| LinkError::of_answer(error.into()))
    }

    fn send(&mut self) -> Result<(), LinkError> {
        loop {
            let next = {
                let state = self.shared.state();
                let next = state.waiting.front();
                next.map(|one| self.chores.noting.note(&one.new, one.since.elapsed()))
            };
            let Some(pipeline) = next else {
                return Ok(());
            };
            let answer = (self.chores.ask)(&pipeline).inspect_err(|error| {
                // Redis was there a moment ago, and may have noted it.
                let mut state = self.shared.state();
                let one = state
                    .waiting
                    .front_mut()
                    .filter(|_| error.is_without_answer());
                let _ = one.map(|one| one.sent.get_or_insert_with(Instant::now));
            })?;
            let sent = self.shared.state().waiting.pop_front();
            // An answer that cannot be read leaves it to this instance.
            let noted = Noted::of(&answer).unwrap_or(Noted::Alone);
            if let Some(then) = sent.and_then(|sent| sent.then) {
                then(noted);
            }
        }
    }

    fn read(&mut self) -> Result<(), LinkError> {
        let looked = self.look()?;
        if self.seen.as_ref() == Some(&looked) {
            return Ok(());
        }
        let answer = (self.chores.ask)(&self.chores.noting.read())?;
        let list: Result<(Vec<String>,), _> = from_redis_value(answer);
        let (list,) = list.map_err(|error| LinkError::of_answer(error.into()))?;
        let marks = Mark::of_list(&list);
        self.shared.state().known = Some(marks.clone());
        (self.chores.heard)(&marks);
        self.seen = Some(looked);
        Ok(())
    }
}

#[cfg(test)]
mod tests;

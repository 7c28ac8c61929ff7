//! Tells one notifier on a thread of its own, so that one that hangs holds up nobody else.

use std::{
    fmt,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use tokio::time::Instant;

use super::{
    lines::Lines,
    notification::Notification,
    notifier::{Notifier, NotifyError},
    queue::{Accounts, Next, Queue},
    retry::Schedule,
};
use crate::{
    config::ConfigError,
    metrics::{Metrics, notifications::NotificationOutcome as Outcome},
    report::delivery_queue::contained,
    text::printable,
};

/// The most bytes of the name of a notifier.
const LONGEST_NAME: usize = 64;

/// How a notifier is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Terms {
    /// How long one attempt may take.
    pub(super) attempt: Duration,
    /// How much time lies at least between the beginnings of two messages.
    pub(super) every: Duration,
    pub(super) schedule: Schedule,
}

/// Tells one notifier. If it is dropped, what waits is dropped and counted.
pub(super) struct Courier {
    shared: Arc<Shared>,
}

/// What the thread shares with everybody else.
struct Shared {
    name: Arc<str>,
    terms: Terms,
    metrics: Metrics,
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    queue: Queue<Notification>,
    closing: Option<Closing>,
    /// The thread has ended.
    ended: bool,
}

/// Nothing more is taken.
#[derive(Clone, Copy)]
struct Closing {
    /// When what has not been sent is given up.
    deadline: Instant,
    /// What was pending when this began.
    pending: u64,
    /// How many had been sent until then.
    sent: u64,
}

/// The thread of a notifier.
struct Telling {
    shared: Arc<Shared>,
    notifier: Arc<dyn Notifier>,
    lines: Lines,
}

// === impl Terms ===

impl Terms {
    /// 10 s for an attempt, and one message a second.
    pub(super) const DEFAULT: Self = Self {
        attempt: Duration::from_secs(10),
        every: Duration::from_secs(1),
        schedule: Schedule::DEFAULT,
    };
}

// === impl Courier ===

impl Courier {
    /// Starts the thread of a notifier.
    ///
    /// # Errors
    ///
    /// If the notifier cannot say its name, or the thread cannot start.
    pub(super) fn start(
        notifier: Arc<dyn Notifier>,
        terms: Terms,
        metrics: &Metrics,
    ) -> Result<Self, ConfigError> {
        let name = contained(|| printable(notifier.name(), LONGEST_NAME));
        let name = name.ok_or_else(|| ConfigError::new("notifiers", "name", "it panicked"))?;
        let name = Arc::from(name);
        metrics.has_notifier(&name);
        let lines = Lines::new(&name, metrics);
        let shared = Arc::new(Shared {
            name,
            terms,
            metrics: metrics.clone(),
            state: Mutex::new(State {
                queue: Queue::new(terms.every),
                closing: None,
                ended: false,
            }),
            changed: Condvar::new(),
        });
        let telling = Telling {
            shared: Arc::clone(&shared),
            notifier,
            lines,
        };
        let thread = thread::Builder::new().name("vitals-notify".to_owned());
        let started = thread.spawn(|| telling.run());
        started.map_err(|error| ConfigError::new("notifiers", "thread", error.to_string()))?;
        Ok(Self { shared })
    }

    /// The name of the notifier: at most 64 bytes, and nothing that a terminal obeys.
    pub(super) fn name(&self) -> &str {
        &self.shared.name
    }

    /// Lets the notifier be told. Waits for nobody: if 256 notifications wait already, the oldest one is dropped.
    pub(super) fn send(&self, notification: Notification) {
        let mut state = self.shared.lock();
        let dropped = state.queue.push(notification);
        self.shared.count(Outcome::Dropped, dropped);
        drop(state);
        self.shared.changed.notify_all();
    }

    /// What became of all notifications up to now.
    pub(super) fn accounts(&self) -> Accounts {
        self.shared.lock().queue.accounts()
    }

    /// Takes nothing more, and tries until `deadline` to send what waits. Waits for nobody. A second call can only bring the
    /// deadline forward.
    pub(super) fn close(&self, deadline: Instant) {
        self.shared.lock().close(deadline);
        self.shared.changed.notify_all();
    }

    /// Closes, and waits until everything is sent, or until nothing more can be sent before `deadline`. Then it gives up: also a
    /// notifier that hangs. Returns how many of those notifications that waited at the first [`close`](Self::close) were not sent.
    pub(super) fn end(&self, deadline: Instant) -> u64 {
        self.close(deadline);
        let mut state = self.shared.lock();
        while !state.ended && !state.is_late(Instant::now()) {
            let deadline = state.closing.map(|closing| closing.deadline);
            state = self.shared.wait(state, deadline);
        }
        let given_up = state.queue.give_up();
        self.shared.count(Outcome::Dropped, given_up);
        state.unsent()
    }

    /// Ends all of these within one `timeout`. Returns how many notifications were not sent.
    pub(super) fn end_all(couriers: &[Self], timeout: Duration) -> u64 {
        let now = Instant::now();
        // A time that never comes is no deadline.
        let deadline = now.checked_add(timeout.min(Duration::from_secs(86_400)));
        let deadline = deadline.unwrap_or(now);
        for courier in couriers {
            courier.close(deadline);
        }
        couriers.iter().map(|courier| courier.end(deadline)).sum()
    }
}

impl Drop for Courier {
    fn drop(&mut self) {
        self.end(Instant::now());
    }
}

impl fmt::Debug for Courier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Courier");
        shown.field("notifier", &self.shared.name);
        shown.finish_non_exhaustive()
    }
}

// === impl Shared ===

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until somebody changes the state, or until `until`.
    fn wait<'s>(
        &self,
        state: MutexGuard<'s, State>,
        until: Option<Instant>,
    ) -> MutexGuard<'s, State> {
        let Some(until) = until else {
            let waited = self.changed.wait(state);
            return waited.unwrap_or_else(PoisonError::into_inner);
        };
        let left = until.saturating_duration_since(Instant::now());
        let waited = self.changed.wait_timeout(state, left);
        waited.unwrap_or_else(PoisonError::into_inner).0
    }

    /// The next message. `None` if there is none, or none that can begin before the deadline.
    fn next(&self, at_once: usize) -> Option<Vec<Notification>> {
        let mut state = self.lock();
        loop {
            let now = Instant::now();
            if state.is_late(now) {
                return None;
            }
            let until = match state.queue.next(at_once, now) {
                Next::Tell(message) => return Some(message),
                Next::End => return None,
                Next::WaitUntil(until) if state.is_late(until) => return None,
                Next::WaitUntil(until) => Some(until),
                Next::Wait => None,
            };
            state = self.wait(state, until);
        }
    }

    /// How long an attempt that begins now may take. `None` if the deadline has passed.
    fn time_for_attempt(&self) -> Option<Duration> {
        let mut state = self.lock();
        let now = Instant::now();
        // The next message comes no sooner after a retry than after a first attempt.
        state.queue.hold(now, self.terms.every);
        let left = state
            .closing
            .map(|closing| closing.deadline.saturating_duration_since(now));
        let time = left.map_or(self.terms.attempt, |left| left.min(self.terms.attempt));
        (!time.is_zero()).then_some(time)
    }

    /// Waits for `pause`. Returns `false` if it would end after the deadline, at once.
    fn pause(&self, pause: Duration) -> bool {
        let until = Instant::now() + pause;
        let mut state = self.lock();
        while !state.is_late(until) {
            if Instant::now() >= until {
                return true;
            }
            state = self.wait(state, Some(until));
        }
        false
    }

    fn done(&self, outcome: Outcome, many: u64) {
        let mut state = self.lock();
        if state.queue.done(outcome, many) {
            self.count(outcome, many);
        }
        drop(state);
        self.changed.notify_all();
    }

    /// Under the lock, so that the counters never differ from the accounts.
    fn count(&self, outcome: Outcome, many: u64) {
        if many > 0 {
            self.metrics.count_notifications(&self.name, outcome, many);
        }
    }
}

// === impl State ===

impl State {
    fn close(&mut self, deadline: Instant) {
        let Accounts { pending, sent, .. } = self.queue.accounts();
        let closing = self.closing.get_or_insert(Closing {
            deadline,
            pending,
            sent,
        });
        closing.deadline = closing.deadline.min(deadline);
        self.queue.close();
    }

    /// Whether nothing may begin at this moment.
    fn is_late(&self, at: Instant) -> bool {
        self.closing.is_some_and(|closing| at >= closing.deadline)
    }

    /// How many of those that waited when this was closed were not sent.
    fn unsent(&self) -> u64 {
        self.closing.map_or(0, |closing| {
            let sent = self.queue.accounts().sent - closing.sent;
            closing.pending.saturating_sub(sent)
        })
    }
}

// === impl Telling ===

impl Telling {
    fn run(mut self) {
        let at_once = contained(|| self.notifier.at_once()).unwrap_or(1);
        while let Some(message) = self.shared.next(at_once) {
            let outcome = self.tell(&message);
            self.shared.done(outcome, message.len() as u64);
        }
        let Self {
            shared, notifier, ..
        } = self;
        let mut state = shared.lock();
        let given_up = state.queue.give_up();
        shared.count(Outcome::Dropped, given_up);
        state.ended = true;
        drop(state);
        shared.changed.notify_all();
        // The destructor is the application's.
        contained(|| drop(notifier));
    }

    /// Tries until the notifier takes the message or refuses it, or until there are no more attempts.
    fn tell(&mut self, message: &[Notification]) -> Outcome {
        let schedule = self.shared.terms.schedule;
        let began = Instant::now();
        let mut failed = 0;
        loop {
            let Some(timeout) = self.shared.time_for_attempt() else {
                return Outcome::Dropped;
            };
            let Err(error) = self.attempt(message, timeout) else {
                self.lines.works();
                return Outcome::Sent;
            };
            self.lines.fails(&error);
            let NotifyError::Later { after, .. } = error else {
                return Outcome::Refused;
            };
            failed += 1;
            let spent = began.elapsed();
            let Some(pause) = schedule.pause(failed, after, fastrand::f64(), spent) else {
                let mut state = self.shared.lock();
                state.queue.hold(Instant::now(), schedule.honoured(after));
                return Outcome::Failed;
            };
            if !self.shared.pause(pause) {
                return Outcome::Dropped;
            }
        }
    }

    fn attempt(&self, message: &[Notification], timeout: Duration) -> Result<(), NotifyError> {
        let told = contained(|| self.notifier.notify(message, timeout));
        told.unwrap_or_else(|| {
            Err(NotifyError::Refused {
                text: "it panicked".to_owned(),
            })
        })
    }
}

#[cfg(test)]
mod tests;

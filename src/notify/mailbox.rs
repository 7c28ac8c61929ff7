//! Holds what waits for one notifier, between those who have something to tell and the thread that tells it.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        mpsc::{self, Receiver, SyncSender},
    },
    time::Duration,
};

use tokio::time::Instant;

use super::{
    delivered::Attempts,
    notification::Notification,
    notifier::NotifyError,
    outbox::Ticket,
    queue::{Accounts, Next, Queue},
    retry::Schedule,
};
use crate::metrics::{Metrics, notifications::NotificationOutcome as Outcome};

/// The most trials that wait for one notifier.
const MOST_TRIALS: usize = 4;

/// How a notifier is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Terms {
    /// How long one attempt may take.
    pub(super) attempt: Duration,
    /// How much time lies at least between the beginnings of two messages.
    pub(super) every: Duration,
    pub(super) schedule: Schedule,
}

/// What waits for one notifier, and what became of it.
pub(super) struct Mailbox {
    name: Arc<str>,
    terms: Terms,
    metrics: Metrics,
    pub(super) attempts: Attempts,
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    queue: Queue<Letter>,
    /// Those of what was not sent at the end: another process can tell it.
    left: Vec<Ticket>,
    trials: VecDeque<Trial>,
    closing: Option<Closing>,
    /// The thread has ended.
    ended: bool,
}

/// A notification that waits.
struct Letter {
    notification: Notification,
    ticket: Option<Ticket>,
}

/// A message with one attempt, whose end somebody waits for.
pub(super) struct Trial {
    pub(super) message: Vec<Notification>,
    until: Instant,
    pub(super) end: SyncSender<Result<(), NotifyError>>,
}

/// What the thread does next.
pub(super) enum Work {
    /// It tells these in one message.
    Tell(Vec<Notification>, Vec<Ticket>),
    Try(Trial),
}

/// How a pause ended.
pub(super) enum Paused {
    Over,
    /// Not yet: there is a trial.
    Try(Trial),
    /// It would be after the deadline.
    TooLate,
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

// === impl Terms ===

impl Terms {
    /// 10 s for an attempt, and one message a second.
    pub(super) const DEFAULT: Self = Self {
        attempt: Duration::from_secs(10),
        every: Duration::from_secs(1),
        schedule: Schedule::DEFAULT,
    };
}

// === impl Mailbox ===

impl Mailbox {
    pub(super) fn new(name: Arc<str>, terms: Terms, metrics: &Metrics) -> Self {
        metrics.has_notifier(&name);
        Self {
            name,
            terms,
            metrics: metrics.clone(),
            attempts: Attempts::default(),
            state: Mutex::new(State {
                queue: Queue::new(terms.every),
                left: Vec::new(),
                trials: VecDeque::new(),
                closing: None,
                ended: false,
            }),
            changed: Condvar::new(),
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) const fn terms(&self) -> &Terms {
        &self.terms
    }

    /// Adds a notification. If the mailbox is full, the oldest one is dropped. Returns `false` if nothing more is taken. The ticket is
    /// held until the notification has arrived, or never will.
    pub(super) fn send(&self, notification: Notification, ticket: Option<Ticket>) -> bool {
        let mut state = self.lock();
        let is_open = !state.queue.is_closed();
        if !is_open {
            state.left.extend(ticket.clone());
        }
        let dropped = state.queue.push(Letter {
            notification,
            ticket,
        });
        self.count(Outcome::Dropped, dropped);
        drop(state);
        self.changed.notify_all();
        is_open
    }

    /// Counts notifications that come too late as dropped.
    pub(super) fn lose(&self, many: u64) {
        let mut state = self.lock();
        state.queue.lose(many);
        self.count(Outcome::Dropped, many);
    }

    /// Adds the state of all alerts. What still waits of an older state is dropped.
    pub(super) fn replace(&self, all: Vec<Notification>) {
        let is_of_state = |one: &Letter| one.notification.fingerprint.is_some();
        let all = all.into_iter().map(|notification| Letter {
            notification,
            ticket: None,
        });
        let mut state = self.lock();
        let dropped = state.queue.replace(all.collect(), is_of_state);
        self.count(Outcome::Dropped, dropped);
        drop(state);
        self.changed.notify_all();
    }

    /// Adds a trial, which nobody waits for after `until`. What is received is its end. Nothing comes if too many wait, or after the
    /// end.
    pub(super) fn try_out(
        &self,
        notification: Notification,
        until: Instant,
    ) -> Receiver<Result<(), NotifyError>> {
        let (end, ended) = mpsc::sync_channel(1);
        let mut state = self.lock();
        if state.closing.is_none() && !state.ended && state.trials.len() < MOST_TRIALS {
            let message = vec![notification];
            state.trials.push_back(Trial {
                message,
                until,
                end,
            });
        }
        drop(state);
        self.changed.notify_all();
        ended
    }

    /// What became of all notifications up to now.
    pub(super) fn accounts(&self) -> Accounts {
        self.lock().queue.accounts()
    }

    /// Waits until nothing waits, or until `deadline`. Returns how many still wait.
    pub(super) fn flush(&self, deadline: Instant) -> u64 {
        let mut state = self.lock();
        loop {
            let pending = state.queue.accounts().pending;
            if pending == 0 || state.ended || Instant::now() >= deadline {
                return pending;
            }
            state = self.wait(state, Some(deadline));
        }
    }

    /// Takes nothing more, and lets the thread try until `deadline` to send what waits. A second call can only bring the deadline
    /// forward.
    pub(super) fn close(&self, deadline: Instant) {
        self.lock().close(deadline);
        self.changed.notify_all();
    }

    /// Closes, and waits until the thread has ended or `deadline` has come. Returns how many of those notifications that waited at
    /// the first [`close`](Self::close) were not sent.
    pub(super) fn end(&self, deadline: Instant) -> u64 {
        self.close(deadline);
        let mut state = self.lock();
        while !state.ended && !state.is_late(Instant::now()) {
            let deadline = state.closing.map(|closing| closing.deadline);
            state = self.wait(state, deadline);
        }
        self.give_up(&mut state);
        state.unsent()
    }

    /// The next message or trial. `None` if there is none, or none that can begin before the deadline.
    pub(super) fn next(&self, at_once: usize) -> Option<Work> {
        let mut state = self.lock();
        loop {
            let now = Instant::now();
            if state.is_late(now) {
                return None;
            }
            if let Some(trial) = state.trial(now) {
                return Some(Work::Try(trial));
            }
            let until = match state.queue.next(at_once, now) {
                Next::Tell(letters) => {
                    let letters = letters.into_iter();
                    let (message, tickets): (_, Vec<_>) =
                        letters.map(|one| (one.notification, one.ticket)).unzip();
                    return Some(Work::Tell(message, tickets.into_iter().flatten().collect()));
                }
                Next::End => return None,
                Next::WaitUntil(until) if state.is_late(until) => return None,
                Next::WaitUntil(until) => Some(until),
                Next::Wait => None,
            };
            state = self.wait(state, until);
        }
    }

    /// How long an attempt that begins now may take. `None` if the deadline has passed.
    pub(super) fn time_for_attempt(&self) -> Option<Duration> {
        let mut state = self.lock();
        let now = Instant::now();
        // The next message comes no sooner after a retry than after a first attempt.
        state.queue.began(now);
        let left = state
            .closing
            .map(|closing| closing.deadline.saturating_duration_since(now));
        let time = left.map_or(self.terms.attempt, |left| left.min(self.terms.attempt));
        (!time.is_zero()).then_some(time)
    }

    /// Waits until `until`, or until there is a trial. Returns at once if that is after the deadline.
    pub(super) fn pause(&self, until: Instant) -> Paused {
        let mut state = self.lock();
        while !state.is_late(until) {
            let now = Instant::now();
            if now >= until {
                return Paused::Over;
            }
            if let Some(trial) = state.trial(now) {
                return Paused::Try(trial);
            }
            state = self.wait(state, Some(until));
        }
        Paused::TooLate
    }

    /// Lets no message begin for this time.
    pub(super) fn hold(&self, pause: Duration) {
        self.lock().queue.hold(Instant::now(), pause);
    }

    /// Notes what became of a message with so many notifications.
    pub(super) fn done(&self, outcome: Outcome, many: u64) {
        let mut state = self.lock();
        if state.queue.done(outcome, many) {
            self.count(outcome, many);
        }
        drop(state);
        self.changed.notify_all();
    }

    /// Notes that the thread has ended. What waits is dropped.
    pub(super) fn ended(&self) {
        let mut state = self.lock();
        self.give_up(&mut state);
        state.ended = true;
        drop(state);
        self.changed.notify_all();
    }

    /// Keeps the tickets of what was not sent.
    pub(super) fn keep(&self, tickets: Vec<Ticket>) {
        self.lock().left.extend(tickets);
    }

    fn give_up(&self, state: &mut State) {
        state.trials.clear();
        let tickets = state.queue.waiting();
        let tickets: Vec<_> = tickets.filter_map(|one| one.ticket.clone()).collect();
        state.left.extend(tickets);
        let given_up = state.queue.give_up();
        self.count(Outcome::Dropped, given_up);
    }

    /// Under the lock, so that the counters never differ from the accounts.
    fn count(&self, outcome: Outcome, many: u64) {
        if many > 0 {
            self.metrics.count_notifications(&self.name, outcome, many);
        }
    }

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
}

// === impl State ===

impl State {
    /// The next trial that somebody waits for. It begins now.
    fn trial(&mut self, now: Instant) -> Option<Trial> {
        self.trials.retain(|trial| now < trial.until);
        let trial = self.trials.pop_front()?;
        self.queue.begin(now);
        Some(trial)
    }

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

//! Tells one notifier on a thread of its own, so that one that hangs holds up nobody else.

use std::{
    fmt,
    sync::{Arc, mpsc::Receiver},
    thread,
    time::Duration,
};

use tokio::time::Instant;

#[cfg(feature = "health")]
use super::delivered::Delivered;
use super::{
    lines::Lines,
    mailbox::{Mailbox, Paused, Terms, Trial, Work},
    notification::Notification,
    notifier::{Notifier, NotifyError},
    outbox::Ticket,
    queue::Accounts,
    retry::deadline,
};
use crate::{
    config::ConfigError,
    metrics::{Metrics, notifications::NotificationOutcome as Outcome},
    report::delivery_queue::contained,
};

/// Tells one notifier. If it is dropped, what waits is dropped and counted.
pub(super) struct Courier {
    mailbox: Arc<Mailbox>,
}

/// The thread of a notifier.
struct Delivery {
    mailbox: Arc<Mailbox>,
    notifier: Arc<dyn Notifier>,
    lines: Lines,
}

// === impl Courier ===

impl Courier {
    /// Starts the thread of a notifier.
    ///
    /// # Errors
    ///
    /// If the thread cannot start.
    pub(super) fn start(
        name: Arc<str>,
        notifier: Arc<dyn Notifier>,
        terms: Terms,
        metrics: &Metrics,
    ) -> Result<Self, ConfigError> {
        let lines = Lines::new(&name, metrics);
        let mailbox = Arc::new(Mailbox::new(name, terms, metrics));
        let delivery = Delivery {
            mailbox: Arc::clone(&mailbox),
            notifier,
            lines,
        };
        let thread = thread::Builder::new().name("vitals-notify".to_owned());
        let started = thread.spawn(|| delivery.run());
        started.map_err(|error| ConfigError::new("notifiers", "thread", error.to_string()))?;
        Ok(Self { mailbox })
    }

    pub(super) fn name(&self) -> &str {
        self.mailbox.name()
    }

    /// Lets the notifier be told. Waits for nobody: if 256 notifications wait already, the oldest one is dropped. Returns `false`
    /// if this one is, since the service ends.
    pub(super) fn send(&self, notification: Notification) -> bool {
        self.mailbox.send(notification, None)
    }

    /// The same. The ticket is held until the notification has arrived, or never will.
    pub(super) fn send_with(&self, notification: Notification, ticket: Ticket) {
        self.mailbox.send(notification, Some(ticket));
    }

    /// Counts notifications that come too late as dropped.
    pub(super) fn lose(&self, many: u64) {
        self.mailbox.lose(many);
    }

    /// Lets the notifier be told of the state of all alerts. What still waits of an older state is dropped.
    pub(super) fn send_state(&self, all: Vec<Notification>) {
        self.mailbox.replace(all);
    }

    /// Lets the notifier be told once, before all that waits. What is received is how that ended. Nothing comes if too many trials
    /// wait already. After `until` it is not sent any more.
    pub(super) fn try_out(
        &self,
        notification: Notification,
        until: Instant,
    ) -> Receiver<Result<(), NotifyError>> {
        self.mailbox.try_out(notification, until)
    }

    /// What became of all notifications up to now.
    pub(super) fn accounts(&self) -> Accounts {
        self.mailbox.accounts()
    }

    /// What became of them, for people who look at it.
    #[cfg(feature = "health")]
    pub(super) fn delivered(&self) -> Delivered {
        let accounts = self.accounts();
        Delivered {
            notifier: self.name().to_owned(),
            sent: accounts.sent,
            failed: accounts.failed,
            refused: accounts.refused,
            dropped: accounts.dropped,
            waiting: accounts.pending,
            last: self.mailbox.attempts.last(),
        }
    }

    /// Waits until nothing waits. Returns how many still wait at `deadline`.
    pub(super) fn flush(&self, deadline: Instant) -> u64 {
        self.mailbox.flush(deadline)
    }

    /// Closes, and waits until everything is sent, or until nothing more can be sent before `deadline`. Then it gives up: also a
    /// notifier that hangs. Returns how many of those notifications that waited when this was closed first were not sent.
    pub(super) fn end(&self, deadline: Instant) -> u64 {
        self.mailbox.end(deadline)
    }

    /// Ends all of these within one `timeout`. Returns how many notifications were not sent.
    pub(super) fn end_all(couriers: &[Self], timeout: Duration) -> u64 {
        let deadline = deadline(timeout);
        for courier in couriers {
            courier.mailbox.close(deadline);
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
        shown.field("notifier", &self.name());
        shown.finish_non_exhaustive()
    }
}

// === impl Delivery ===

impl Delivery {
    fn run(mut self) {
        let at_once = contained(|| self.notifier.at_once()).unwrap_or(1);
        while let Some(work) = self.mailbox.next(at_once) {
            match work {
                Work::Tell(message, tickets) => {
                    let outcome = self.tell(&message);
                    // First: who waits until it is done must not find a ticket of what has arrived.
                    match outcome {
                        Outcome::Dropped => self.mailbox.keep(tickets),
                        _ => drop(tickets),
                    }
                    self.mailbox.done(outcome, message.len() as u64);
                }
                Work::Try(trial) => self.try_out(trial),
            }
        }
        let Self {
            mailbox, notifier, ..
        } = self;
        mailbox.ended();
        // The destructor is the application's.
        contained(|| drop(notifier));
    }

    /// Tries until the notifier takes the message or refuses it, or until there are no more attempts.
    fn tell(&mut self, message: &[Notification]) -> Outcome {
        let schedule = self.mailbox.terms().schedule;
        let began = Instant::now();
        let mut failed = 0;
        loop {
            let Some(timeout) = self.mailbox.time_for_attempt() else {
                return Outcome::Dropped;
            };
            let Err(error) = self.attempt(message, timeout) else {
                return Outcome::Sent;
            };
            let NotifyError::Later { after, .. } = error else {
                return Outcome::Refused;
            };
            failed += 1;
            let spent = began.elapsed();
            let Some(pause) = schedule.pause(failed, after, fastrand::f64(), spent) else {
                self.mailbox.hold(schedule.honoured(after));
                return Outcome::Failed;
            };
            let until = Instant::now() + pause;
            loop {
                match self.mailbox.pause(until) {
                    Paused::Over => break,
                    Paused::Try(trial) => self.try_out(trial),
                    Paused::TooLate => return Outcome::Dropped,
                }
            }
        }
    }

    /// Tries once, and says how that ended.
    fn try_out(&mut self, trial: Trial) {
        let Trial { message, end, .. } = trial;
        let Some(timeout) = self.mailbox.time_for_attempt() else {
            return self.mailbox.done(Outcome::Dropped, 1);
        };
        let ended = self.attempt(&message, timeout);
        let outcome = match &ended {
            Ok(()) => Outcome::Sent,
            Err(NotifyError::Refused { .. }) => Outcome::Refused,
            Err(NotifyError::Later { .. }) => Outcome::Failed,
        };
        self.mailbox.done(outcome, 1);
        // Nobody may be waiting any more.
        let _ = end.send(ended);
    }

    fn attempt(&mut self, message: &[Notification], timeout: Duration) -> Result<(), NotifyError> {
        let told = contained(|| self.notifier.notify(message, timeout));
        let told = told.unwrap_or_else(|| {
            Err(NotifyError::Refused {
                text: "it panicked".to_owned(),
            })
        });
        self.mailbox.attempts.note(&told);
        match &told {
            Ok(()) => self.lines.works(),
            Err(error) => self.lines.fails(error),
        }
        told
    }
}

#[cfg(test)]
mod tests;

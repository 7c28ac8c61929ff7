//! Keeps what waits for one notifier, and accounts for all of it.

use std::{collections::VecDeque, time::Duration};

use tokio::time::Instant;

use crate::metrics::notifications::NotificationOutcome as Outcome;

/// How many notifications wait for one notifier, beside those that it is told at the moment.
pub(super) const CAPACITY: usize = 256;

/// What waits for one notifier, in the order in which it happened.
///
/// It knows no clock and no thread. At most one message begins in each interval: what comes meanwhile is joined into the next one.
#[derive(Debug)]
pub(super) struct Queue<T> {
    waiting: VecDeque<T>,
    every: Duration,
    /// No message begins before this: the last one began not long ago.
    paced: Option<Instant>,
    /// No message begins before this: the notifier asked for a pause.
    held: Option<Instant>,
    /// It takes nothing more.
    closed: bool,
    accounts: Accounts,
}

/// What became of all notifications. At every moment `enqueued` is `sent`, [`lost`](Self::lost) and `pending` together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Accounts {
    /// All that were ever given to the queue.
    pub(super) enqueued: u64,
    /// The notifier took them.
    pub(super) sent: u64,
    /// They were pushed out of the full queue, or were left at the end.
    pub(super) dropped: u64,
    /// The notifier said that they will never arrive, or it panicked.
    pub(super) refused: u64,
    /// All attempts failed.
    pub(super) failed: u64,
    /// They wait, or the notifier is told of them at the moment.
    pub(super) pending: u64,
}

/// What the thread of a notifier does next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next<T> {
    /// It tells these in one message.
    Tell(Vec<T>),
    /// It waits until then, or until something comes.
    WaitUntil(Instant),
    /// It waits until something comes.
    Wait,
    /// It ends.
    End,
}

// === impl Queue ===

impl<T> Queue<T> {
    /// A queue from which a message is taken once in `every` at most.
    pub(super) fn new(every: Duration) -> Self {
        Self {
            waiting: VecDeque::new(),
            every,
            paced: None,
            held: None,
            closed: false,
            accounts: Accounts::default(),
        }
    }

    /// Adds a notification. Returns how many were dropped for it: the oldest one if the queue is full, or this one if it is closed.
    pub(super) fn push(&mut self, notification: T) -> u64 {
        self.accounts.enqueued += 1;
        if self.closed {
            self.accounts.dropped += 1;
            return 1;
        }
        self.accounts.pending += 1;
        let pushed_out = self.waiting.len() >= CAPACITY && self.waiting.pop_front().is_some();
        self.waiting.push_back(notification);
        if pushed_out {
            self.accounts.end(Outcome::Dropped, 1);
        }
        u64::from(pushed_out)
    }

    /// Counts notifications that come too late as dropped.
    pub(super) const fn lose(&mut self, many: u64) {
        self.accounts.enqueued += many;
        self.accounts.dropped += many;
    }

    /// Adds all of these in place of those that wait and are `old`. Returns how many were dropped for them.
    pub(super) fn replace(&mut self, new: Vec<T>, old: impl Fn(&T) -> bool) -> u64 {
        let many = new.len() as u64;
        self.accounts.enqueued += many;
        if self.closed {
            self.accounts.dropped += many;
            return many;
        }
        let before = self.waiting.len();
        self.waiting.retain(|one| !old(one));
        let dropped = (before - self.waiting.len()) as u64;
        self.accounts.end(Outcome::Dropped, dropped);
        self.accounts.pending += many;
        self.waiting.extend(new);
        dropped
    }

    /// Counts a notification that does not wait.
    pub(super) fn begin(&mut self, now: Instant) {
        self.accounts.enqueued += 1;
        self.accounts.pending += 1;
        self.began(now);
    }

    /// Takes up to `at_once` notifications, if a message can begin now.
    pub(super) fn next(&mut self, at_once: usize, now: Instant) -> Next<T> {
        if self.waiting.is_empty() {
            return if self.closed { Next::End } else { Next::Wait };
        }
        // At the end there is no time to lose, and few messages are left.
        let paced = self.paced.filter(|_| !self.closed);
        let not_before = self.held.max(paced);
        if let Some(not_before) = not_before.filter(|not_before| now < *not_before) {
            return Next::WaitUntil(not_before);
        }
        self.began(now);
        let many = at_once.max(1).min(self.waiting.len());
        Next::Tell(self.waiting.drain(..many).collect())
    }

    /// Begins no message for `pause` after `from`. Never sooner than it would be without.
    pub(super) fn hold(&mut self, from: Instant, pause: Duration) {
        let until = from.checked_add(pause);
        self.held = self.held.max(until);
    }

    /// A message begins now, so the next one begins later.
    pub(super) fn began(&mut self, now: Instant) {
        self.paced = self.paced.max(now.checked_add(self.every));
    }

    /// Notes what became of a message with so many notifications. After [`give_up`](Self::give_up) it is known already, and
    /// `false` is returned.
    pub(super) fn done(&mut self, outcome: Outcome, many: u64) -> bool {
        let known = self.accounts.pending < many;
        if !known {
            self.accounts.end(outcome, many);
        }
        !known
    }

    pub(super) const fn is_closed(&self) -> bool {
        self.closed
    }

    /// Takes nothing more.
    pub(super) const fn close(&mut self) {
        self.closed = true;
    }

    /// Drops all that is pending, also what the notifier is told at the moment. Returns how many those are.
    pub(super) fn give_up(&mut self) -> u64 {
        self.close();
        self.waiting.clear();
        let left = self.accounts.pending;
        self.accounts.end(Outcome::Dropped, left);
        left
    }

    /// What waits.
    pub(super) fn waiting(&self) -> impl Iterator<Item = &T> {
        self.waiting.iter()
    }

    pub(super) const fn accounts(&self) -> Accounts {
        self.accounts
    }
}

// === impl Accounts ===

impl Accounts {
    /// How many were not and will not be sent.
    pub(super) const fn lost(&self) -> u64 {
        self.dropped + self.refused + self.failed
    }

    const fn end(&mut self, outcome: Outcome, many: u64) {
        self.pending -= many;
        let ended = match outcome {
            Outcome::Sent => &mut self.sent,
            Outcome::Dropped => &mut self.dropped,
            Outcome::Refused => &mut self.refused,
            Outcome::Failed => &mut self.failed,
        };
        *ended += many;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn adds_up<T>(queue: &Queue<T>) -> bool {
        let accounts = queue.accounts();
        accounts.enqueued == accounts.sent + accounts.lost() + accounts.pending
    }

    fn told(next: Next<u32>) -> Vec<u32> {
        match next {
            Next::Tell(told) => told,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_full_queue_drops_the_oldest_and_counts_it() {
        let mut queue = Queue::new(SECOND);
        let dropped: u64 = (0..10_000).map(|one| queue.push(one)).sum();
        assert_eq!(dropped, 9_744);
        assert_eq!(queue.waiting.len(), 256);
        assert!(queue.waiting.capacity() <= 512, "memory is bounded");
        let accounts = Accounts {
            enqueued: 10_000,
            dropped: 9_744,
            pending: 256,
            ..Accounts::default()
        };
        assert_eq!(queue.accounts(), accounts);
        let now = Instant::now();
        assert_eq!(told(queue.next(2, now)), [9_744, 9_745], "the newest stay");
    }

    #[test]
    fn at_most_one_message_a_second_begins_and_what_comes_meanwhile_is_joined() {
        let mut queue = Queue::new(SECOND);
        let start = Instant::now();
        assert_eq!(queue.next(20, start), Next::Wait);
        queue.push(1);
        assert_eq!(told(queue.next(20, start)), [1]);
        assert!(queue.done(Outcome::Sent, 1));
        queue.push(2);
        queue.push(3);
        let soon = start + SECOND - Duration::from_nanos(1);
        assert_eq!(queue.next(20, soon), Next::WaitUntil(start + SECOND));
        queue.push(4);
        assert_eq!(told(queue.next(20, start + SECOND)), [2, 3, 4]);
    }

    #[test]
    fn a_message_holds_no_more_than_the_notifier_takes_at_once() {
        let mut queue = Queue::new(Duration::ZERO);
        (0..45).for_each(|one| _ = queue.push(one));
        let now = Instant::now();
        let lengths = [20, 20, 0, 20].map(|at_once| told(queue.next(at_once, now)).len());
        assert_eq!(lengths, [20, 20, 1, 4], "0 is taken for 1");
        assert_eq!(queue.next(20, now), Next::Wait);
    }

    #[test]
    fn a_notifier_that_asked_for_a_pause_has_it() {
        let mut queue = Queue::new(SECOND);
        let now = Instant::now();
        queue.push(1);
        queue.hold(now, SECOND * 9);
        queue.hold(now, SECOND);
        assert_eq!(queue.next(20, now), Next::WaitUntil(now + SECOND * 9));
        queue.hold(now, Duration::MAX);
        assert_eq!(queue.next(20, now), Next::WaitUntil(now + SECOND * 9));
    }

    #[test]
    fn what_is_given_up_is_counted_once() {
        let mut queue = Queue::new(Duration::ZERO);
        (0..5).for_each(|one| _ = queue.push(one));
        let told = told(queue.next(3, Instant::now()));
        assert_eq!(queue.give_up(), 5, "those that are told at the moment, too");
        assert!(!queue.done(Outcome::Sent, told.len() as u64), "too late");
        assert_eq!(queue.push(6), 1, "it is closed");
        let accounts = Accounts {
            enqueued: 6,
            dropped: 6,
            ..Accounts::default()
        };
        assert_eq!(queue.accounts(), accounts);
        assert_eq!(queue.next(3, Instant::now()), Next::End);
    }

    #[test]
    fn a_closed_queue_gives_what_waits_and_ends() {
        let mut queue = Queue::new(Duration::ZERO);
        queue.push(1);
        queue.close();
        assert_eq!(told(queue.next(20, Instant::now())), [1]);
        assert_eq!(queue.next(20, Instant::now()), Next::End);
    }

    #[test]
    fn the_accounts_add_up_whatever_happens() {
        const OUTCOMES: [Outcome; 4] = [
            Outcome::Sent,
            Outcome::Dropped,
            Outcome::Refused,
            Outcome::Failed,
        ];
        let mut random = fastrand::Rng::with_seed(20);
        for _ in 0..200 {
            let mut queue = Queue::new(Duration::ZERO);
            let mut busy = None;
            for _ in 0..2_000 {
                match random.u32(..100) {
                    0..60 => _ = queue.push(()),
                    60..80 if busy.is_none() => {
                        let next = queue.next(random.usize(..30), Instant::now());
                        if let Next::Tell(told) = next {
                            busy = Some(told.len() as u64);
                        }
                    }
                    80..99 => {
                        if let Some(many) = busy.take() {
                            queue.done(OUTCOMES[random.usize(..4)], many);
                        }
                    }
                    99 if random.u32(..20) == 0 => _ = queue.give_up(),
                    _ => {}
                }
                assert!(adds_up(&queue), "{:?}", queue.accounts());
                let told = busy.filter(|_| !queue.closed).unwrap_or(0);
                let pending = queue.waiting.len() as u64 + told;
                assert_eq!(queue.accounts().pending, pending);
            }
        }
    }
}

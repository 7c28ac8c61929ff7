//! Evaluates the rules of a service in its process: from time to time, and when somebody asks.

use std::{
    fmt, mem,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError, TryLockError,
        atomic::{AtomicBool, Ordering::Relaxed},
        mpsc::{self, RecvTimeoutError, Sender},
    },
    thread,
    time::Duration,
};

use tokio::time::Instant;

use super::{
    alert::{Alert, Transition},
    lines::Lines,
    listener::{Evaluation, Listener},
    member::Member,
    numbers::Numbers,
    part::Part,
    set::CheckedAlerts,
    shared::Shared,
    state::AlertState,
    stored::Stored,
    timing::Timing,
    tracked::Tick,
    wall_clock::LastRead,
    watch::{Evaluated, Watch},
};
use crate::{
    config::ConfigError, metrics::Metrics, report::delivery_queue::contained, statistics::WallTime,
    window::Moment,
};

/// What is published of an alert that fires.
const FIRING: f64 = AlertState::Firing.published();

/// How late an evaluation may be before it counts as missing, beside a second interval.
const LATE: Duration = Duration::from_secs(5);

/// Where the numbers come from, and where alerts are kept.
pub(crate) trait Host: Send + Sync {
    /// Gives the numbers of this moment.
    fn at_once(&self, judge: &mut dyn FnMut(&dyn Numbers));

    /// What both clocks show.
    fn clock(&self) -> Moment;

    /// Keeps what a later process goes on with.
    fn keep(&self, stored: Stored);
}

/// The alerts of a service, while it runs.
pub(crate) struct Running {
    watch: Watch,
    /// Held during an evaluation: two at once would measure the same time twice.
    timing: Mutex<Timing>,
    /// Held while the clocks are read.
    read: Mutex<LastRead>,
    /// When an evaluation ended well last, or when this began.
    last: Mutex<Instant>,
    /// Held while what is kept is read and kept: else an older state could be kept last.
    keeping: Mutex<()>,
    /// What ended with the process before.
    ended: Mutex<Vec<Transition>>,
    /// Another stack evaluates for the same counters.
    is_replaced: AtomicBool,
    interval: Duration,
    pub(super) host: Box<dyn Host>,
    /// `None` if the service is no fleet.
    member: Option<Member>,
    listener: OnceLock<Box<dyn Listener>>,
    metrics: Metrics,
    lines: Lines,
    /// Ends the thread.
    stop: OnceLock<Sender<()>>,
}

// === impl Running ===

impl Running {
    /// Goes on with the alerts of an earlier process, if there are any. Nothing is evaluated before [`start`](Self::start).
    pub(crate) fn new(
        alerts: CheckedAlerts,
        before: Option<Stored>,
        host: Box<dyn Host>,
        shared: Option<Box<dyn Shared>>,
        metrics: &Metrics,
    ) -> Self {
        let watch = Watch::new(alerts.rules);
        let now = host.clock();
        // Who has no rule of the fleet must not be in charge of them.
        let shared = shared.filter(|_| watch.rules().iter().any(|rule| Part::Fleet.has(rule)));
        let member = shared.map(|shared| Member::new(shared, alerts.interval, now));
        if member.is_some() {
            watch.engine().join();
        }
        // What is kept of a fleet is in its time. Once that is known, all of it moves there from the time of this machine.
        let ended = before.map(|before| watch.engine().restore(before, now.wall));
        Self {
            watch,
            timing: Mutex::default(),
            read: Mutex::new(LastRead::new(now)),
            last: Mutex::new(Instant::now()),
            keeping: Mutex::default(),
            ended: Mutex::new(ended.unwrap_or_default()),
            is_replaced: AtomicBool::new(false),
            interval: alerts.interval,
            host,
            member,
            listener: OnceLock::new(),
            metrics: metrics.clone(),
            lines: Lines::new(metrics),
            stop: OnceLock::new(),
        }
    }

    /// Lets somebody hear of each evaluation. The first one who does is heard.
    pub(crate) fn listen(&self, listener: Box<dyn Listener>) {
        let _ = self.listener.set(listener);
    }

    /// How often all rules are evaluated.
    #[cfg(feature = "fleet")]
    pub(crate) const fn interval(&self) -> Duration {
        self.interval
    }

    /// Evaluates from now on, first after one interval, on a thread of its own. It ends when nobody else holds this, and when
    /// another stack evaluates for the same counters.
    ///
    /// # Errors
    ///
    /// If the thread cannot start.
    pub(crate) fn start(self: &Arc<Self>) -> Result<(), ConfigError> {
        let transitions = mem::take(&mut *locked(&self.ended));
        if !transitions.is_empty() {
            self.keep();
            let ended = Evaluated {
                transitions,
                ..Evaluated::default()
            };
            let part = match &self.member {
                Some(_) => Part::Local,
                None => Part::All,
            };
            let tick = Tick {
                at: self.now(),
                elapsed: Duration::ZERO,
                is_gap: true,
            };
            self.tell(part, &ended, tick);
            self.lines.write(ended);
        }
        if self.watch.rules().is_empty() {
            return Ok(());
        }
        let (stop, stopped) = mpsc::channel();
        let (running, interval) = (Arc::downgrade(self), self.interval);
        let mut every = self.every();
        let run = move || {
            // To look takes time, too, where Redis hangs.
            let mut next = Instant::now() + interval;
            let left = |next: Instant| next.saturating_duration_since(Instant::now());
            while stopped.recv_timeout(every.min(left(next))) == Err(RecvTimeoutError::Timeout) {
                let Some(running) = running.upgrade() else {
                    return;
                };
                if left(next).is_zero() || running.look() {
                    running.evaluate();
                    next = Instant::now() + interval;
                }
                every = running.every();
            }
            if let Some(running) = running.upgrade() {
                running.is_replaced.store(true, Relaxed);
            }
        };
        let thread = thread::Builder::new().name("vitals-alert".to_owned());
        let started = thread.spawn(run);
        started.map_err(|error| ConfigError::new("alerts", "thread", error.to_string()))?;
        self.metrics.evaluate_until(stop.clone());
        let _ = self.stop.set(stop);
        Ok(())
    }

    /// Evaluates all rules now.
    pub(crate) fn evaluate(&self) {
        let mut timing = locked(&self.timing);
        let now = self.clock();
        let tick = timing.tick(now);
        let evaluated = contained(|| {
            if let Some(member) = &self.member {
                return self.evaluate_in_fleet(member, tick);
            }
            let mut evaluated = Evaluated::default();
            self.host
                .at_once(&mut |numbers| evaluated = self.watch.evaluate(Part::All, tick, numbers));
            self.publish(&evaluated, tick.at);
            self.tell(Part::All, &evaluated, tick);
            self.write_lines(evaluated);
            true
        });
        match evaluated {
            Some(true) => *locked(&self.last) = Instant::now(),
            Some(false) | None => self.metrics.evaluation_failed(),
        }
    }

    /// Publishes what an evaluation gave, and keeps it.
    pub(super) fn publish(&self, evaluated: &Evaluated, at: Duration) {
        let states: Vec<_> = {
            let engine = self.watch.engine();
            let states = engine.states();
            states
                .map(|(name, state)| (Arc::clone(name), state.published()))
                .collect()
        };
        let fires = states.iter().any(|(_, state)| *state == FIRING);
        let evaluations = evaluated.evaluations;
        self.metrics
            .note_alerts(states, evaluations, at.as_secs_f64());
        // What does not fire has nothing that a later process needs.
        if fires || !evaluated.transitions.is_empty() {
            self.keep();
        }
    }

    /// Tells what an evaluation gave.
    pub(super) fn tell(&self, part: Part, evaluated: &Evaluated, tick: Tick) {
        let Some(listener) = self.listener() else {
            return;
        };
        let firing = self.watch.engine().firing_of(part);
        listener.evaluated(&self.heard(part, evaluated, tick, &firing));
    }

    /// What an evaluation gave, as a listener hears of it.
    pub(super) const fn heard<'e>(
        &self,
        part: Part,
        evaluated: &'e Evaluated,
        tick: Tick,
        firing: &'e [Alert],
    ) -> Evaluation<'e> {
        Evaluation {
            part,
            elapsed: tick.elapsed,
            at: WallTime::new(tick.at),
            interval: self.interval,
            transitions: evaluated.transitions.as_slice(),
            firing,
        }
    }

    /// Writes the lines of an evaluation.
    pub(super) fn write_lines(&self, evaluated: Evaluated) {
        self.lines.write(evaluated);
    }

    pub(super) fn listener(&self) -> Option<&dyn Listener> {
        self.listener.get().map(Box::as_ref)
    }

    /// This instance among others. `None` if the service is no fleet.
    pub(super) const fn member(&self) -> Option<&Member> {
        self.member.as_ref()
    }

    /// Keeps evaluations from running. `None` if one runs.
    pub(super) fn no_evaluation(&self) -> Option<MutexGuard<'_, Timing>> {
        match self.timing.try_lock() {
            Ok(timing) => Some(timing),
            Err(TryLockError::Poisoned(timing)) => Some(timing.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    /// How long the thread waits at most until it looks whether somebody is in charge.
    fn every(&self) -> Duration {
        let member = self.member.as_ref();
        member.map_or(self.interval, Member::every)
    }

    /// Changes alerts or silences, and keeps that.
    pub(crate) fn change<R>(&self, change: impl FnOnce(&Watch, Duration) -> R) -> R {
        let changed = change(&self.watch, self.now());
        self.keep();
        changed
    }

    fn keep(&self) {
        let _keeping = locked(&self.keeping);
        let stored = self.watch.engine().stored();
        self.host.keep(stored);
    }

    pub(crate) const fn watch(&self) -> &Watch {
        &self.watch
    }

    /// The time since 1970, in a fleet that of the fleet.
    pub(crate) fn now(&self) -> Duration {
        let now = self.clock();
        let member = self.member.as_ref();
        member.map_or(now.wall, |member| member.time(now))
    }

    /// What both clocks show. If the wall clock was set, the times of alerts, silences and history move with it: lengths stay.
    fn clock(&self) -> Moment {
        let mut read = locked(&self.read);
        let now = self.host.clock();
        let step = read.step(now);
        let is_own_time = self
            .member
            .as_ref()
            .is_none_or(|member| !member.knows_time());
        if let Some(step) = step.filter(|_| is_own_time) {
            self.watch.engine().shift(step);
            if let Some(member) = &self.member {
                member.outgoing.shift(step);
            }
        }
        now
    }

    /// For how long an evaluation is missing. `None` if none is.
    pub(crate) fn missing_for(&self) -> Option<Duration> {
        let ago = locked(&self.last).elapsed();
        let evaluates = !self.watch.rules().is_empty() && !self.is_replaced.load(Relaxed);
        let of_fleet = self.member.as_ref().map(|member| {
            let now = self.host.clock();
            member.missing_for(now, &self.watch)
        });
        let ago = ago.max(of_fleet.unwrap_or_default());
        let is_missing = evaluates && ago > 2 * self.interval + LATE;
        is_missing.then_some(ago)
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.get() {
            // The thread can have ended.
            let _ = stop.send(());
        }
    }
}

impl fmt::Debug for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Running").finish_non_exhaustive()
    }
}

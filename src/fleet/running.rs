//! Runs the thread that writes what this instance counted, and reads what all wrote for whoever asks.

use std::{
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        mpsc::{self, Receiver, RecvTimeoutError, Sender, SyncSender},
    },
    thread,
    time::Duration,
};

use redis::Pipeline;
use serde_json::Value;

use super::{
    ask::Ask as _,
    clock::RedisClock,
    commands::{self, another_form},
    entry::Entry,
    error::FleetError,
    keys::{Keys, StartId},
    lines::Lines,
    link::Link,
    link_error::{LinkError, LinkErrorKind},
    reader::Reader,
    schedule::Schedule,
    settings::Checked,
    view::View,
    writer::{Tick, Writer},
};
use crate::{
    emit,
    metrics::{Metrics, bounds::Bounds, fleet::FleetOutcome},
    release::Release,
    report::delivery_queue::contained,
    window::{Moment, Settings, clock_now},
};

/// The longest pause after a write that failed. With what the attempt takes until it fails, it is below a second.
const PAUSE: Duration = Duration::from_millis(900);

/// Says what other parts of this crate know of this instance, in JSON.
type Describe = dyn Fn() -> Value + Send + Sync;

/// This instance among the others of its service. Clones share it. Its thread ends with the last one, at once and without a last
/// write.
#[derive(Clone)]
pub(crate) struct Running {
    shared: Arc<Shared>,
    /// Asks the thread for a last write. It says when that is done.
    ends: Sender<SyncSender<()>>,
}

struct Shared {
    checked: Checked,
    keys: Keys,
    start: StartId,
    schedule: Schedule,
    bounds: Bounds,
    grid: u64,
    metrics: Metrics,
    release: Release,
    clock: Mutex<RedisClock>,
    describe: Mutex<Option<Arc<Describe>>>,
    /// For whoever asks, and for the alerts, so that neither waits for the other.
    readers: [Mutex<Reader>; 2],
}

/// What the thread has.
struct Writing {
    shared: Arc<Shared>,
    link: Link,
    writer: Writer,
    lines: Lines,
    began: Moment,
    /// The same by the clock of Redis, in milliseconds since 1970.
    began_at: Option<u64>,
    /// When the first write arrived.
    first: Option<u64>,
    failed: bool,
}

// === impl Running ===

impl Running {
    /// Begins to write what is counted. `slot` is the shortest one of the window.
    pub(crate) fn start(
        checked: Checked,
        release: &Release,
        slot: Duration,
        metrics: &Metrics,
    ) -> Self {
        let service = release.service.as_deref().unwrap_or_default();
        let keys = Keys::new(service, &release.environment);
        let bounds = metrics.duration_bounds();
        let grid = Settings::new(&bounds).grid;
        let schedule = Schedule::new(slot);
        let start = StartId::random();
        // The thread has a pause of its own, which is not to end before that of the link.
        let link = Link::new(&checked).pause(PAUSE.min(Duration::from_millis(schedule.tick())) / 2);
        let readers = [(), ()].map(|()| {
            let reads = Link::new(&checked).pause(Duration::from_millis(5 * schedule.tick()));
            let buckets = (bounds.buckets(), grid);
            Mutex::new(Reader::new(Box::new(reads), keys.clone(), buckets))
        });
        let shared = Arc::new(Shared {
            checked,
            keys: keys.clone(),
            start,
            schedule,
            bounds,
            grid,
            metrics: metrics.clone(),
            release: release.clone(),
            clock: Mutex::default(),
            describe: Mutex::new(None),
            readers,
        });
        metrics.begin_fleet();
        let writing = Writing {
            shared: Arc::clone(&shared),
            link,
            writer: Writer::new(keys, start, schedule),
            lines: Lines::new(metrics),
            began: clock_now(),
            began_at: None,
            first: None,
            failed: false,
        };
        let (ends, asked) = mpsc::channel();
        let thread = thread::Builder::new().name("vitals-fleet".to_owned());
        if let Err(error) = thread.spawn(move || writing.run(&asked)) {
            let error = error.to_string();
            emit::tell(move || {
                tracing::error!(target: "tower_vitals", error, "nothing is written to Redis: no thread");
            });
        }
        Self { shared, ends }
    }

    /// Tells this start of the process from all others.
    pub(crate) fn start_id(&self) -> StartId {
        self.shared.start
    }

    pub(crate) fn keys(&self) -> &Keys {
        &self.shared.keys
    }

    pub(crate) fn checked(&self) -> &Checked {
        &self.shared.checked
    }

    /// The buckets of the durations of this instance.
    pub(crate) fn bounds(&self) -> &Bounds {
        &self.shared.bounds
    }

    /// How often this instance writes.
    pub(crate) fn tick(&self) -> Duration {
        Duration::from_millis(self.shared.schedule.tick())
    }

    /// Another connection to the same Redis.
    pub(crate) fn link(&self) -> Link {
        Link::new(&self.shared.checked).pause(5 * self.tick())
    }

    /// The time since 1970 by the clock of Redis. Before its first answer it is that of this machine.
    pub(crate) fn now(&self) -> Duration {
        Duration::from_millis(self.shared.clock().at(clock_now()))
    }

    /// All instances at this moment. Whoever else looks waits for this view to be dropped, but for the alerts.
    ///
    /// # Errors
    ///
    /// If Redis does not answer.
    pub(crate) fn view(&self) -> Result<View<'_>, FleetError> {
        let [reader, _] = &self.shared.readers;
        View::new(reader.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The same for the alerts, over a connection of its own: a long question of somebody else is no reason to evaluate late.
    ///
    /// # Errors
    ///
    /// If Redis does not answer.
    pub(crate) fn view_for_alerts(&self) -> Result<View<'_>, FleetError> {
        let [_, reader] = &self.shared.readers;
        View::new(reader.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Adds to what this instance says of itself: an object. It is called once a tick, on the thread that writes. Of it,
    /// `settings` is compared between instances.
    pub(crate) fn describe(&self, describe: Box<Describe>) {
        *self.shared.describe() = Some(describe.into());
    }

    /// What is added to what this instance says of itself.
    pub(crate) fn described(&self) -> Value {
        self.shared.described()
    }

    /// Writes a last time, and says that this instance ends in good order. Returns `false` if it took longer than `timeout`.
    pub(crate) fn end(&self, timeout: Duration) -> bool {
        let (done, ended) = mpsc::sync_channel(1);
        match self.ends.send(done) {
            Ok(()) => ended.recv_timeout(timeout).is_ok(),
            // It has ended before.
            Err(_) => true,
        }
    }
}

impl fmt::Debug for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Running").finish_non_exhaustive()
    }
}

// === impl Shared ===

impl Shared {
    fn clock(&self) -> MutexGuard<'_, RedisClock> {
        self.clock.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn describe(&self) -> MutexGuard<'_, Option<Arc<Describe>>> {
        self.describe.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn described(&self) -> Value {
        let describe = self.describe().clone();
        describe.map_or(Value::Null, |describe| describe())
    }
}

// === impl Writing ===

impl Writing {
    fn run(mut self, ends: &Receiver<SyncSender<()>>) {
        let mut wait = Duration::ZERO;
        loop {
            match ends.recv_timeout(wait) {
                Err(RecvTimeoutError::Timeout) => self.write_once(false),
                Ok(done) => {
                    self.write_once(true);
                    let _ = done.send(());
                    return;
                }
                Err(RecvTimeoutError::Disconnected) => return,
            }
            wait = self.until_next();
        }
    }

    fn until_next(&self) -> Duration {
        let now = self.shared.clock().at(clock_now());
        let next = Duration::from_millis(self.shared.schedule.until_next(now));
        if self.failed { next.min(PAUSE) } else { next }
    }

    /// Writes once. If something panics, the next tick writes its part.
    fn write_once(&mut self, is_last: bool) {
        let written = contained(|| self.write(is_last));
        let outcome = match written {
            Some(Ok(())) => FleetOutcome::Written,
            Some(Err(error)) => {
                self.lines.gone(&error);
                match error.kind() {
                    LinkErrorKind::Unreachable => FleetOutcome::Unreachable,
                    LinkErrorKind::TimedOut => FleetOutcome::TimedOut,
                    _ => FleetOutcome::Refused,
                }
            }
            None => FleetOutcome::Refused,
        };
        self.failed = outcome != FleetOutcome::Written;
        if !self.failed {
            self.lines.back();
        }
        self.shared.metrics.count_fleet_write(outcome);
    }

    fn write(&mut self, is_last: bool) -> Result<(), LinkError> {
        let tick = self.shared.schedule.tick();
        let old = Duration::from_millis(tick.saturating_mul(3));
        let is_certain = self.shared.clock().is_certain(clock_now(), old);
        if self.failed || !is_certain {
            self.ask_for_time()?;
        }
        let now = clock_now();
        let at = self.shared.clock().at(now);
        let ran = now.monotonic.saturating_sub(self.began.monotonic);
        let ran = u64::try_from(ran.as_millis()).unwrap_or(u64::MAX);
        let began = *self.began_at.get_or_insert(at.saturating_sub(ran));
        let first = self.first.unwrap_or(at);
        let readings = self.shared.metrics.readings();
        let entry = self.entry((began, first), is_last).to_json();
        // A second time if not all that was confirmed is still there.
        for _ in 0..2 {
            let prepared = self.writer.prepare(Tick {
                at,
                readings: &readings,
                entry: &entry,
                connection: self.link.connections(),
                is_last,
            });
            let asked = clock_now();
            let answers = self.link.values(&prepared.pipeline)?;
            let confirmed = self.writer.confirm(prepared, &answers);
            let confirmed = confirmed.ok_or_else(another_form)?;
            self.shared.clock().set(confirmed.time, asked, clock_now());
            if confirmed.is_whole {
                self.first = Some(first);
                return Ok(());
            }
        }
        // It is gone again: the next tick writes it.
        Ok(())
    }

    fn ask_for_time(&mut self) -> Result<(), LinkError> {
        let mut pipeline = Pipeline::new();
        pipeline.cmd("TIME");
        let asked = clock_now();
        let answers = self.link.values(&pipeline)?;
        let time = answers.first().and_then(commands::time);
        let time = time.ok_or_else(another_form)?;
        self.shared.clock().set(time, asked, clock_now());
        Ok(())
    }

    fn entry(&self, (began, first): (u64, u64), ended: bool) -> Entry {
        let Shared {
            checked,
            schedule,
            grid,
            metrics,
            release,
            ..
        } = &*self.shared;
        Entry {
            id: checked.instance.clone(),
            version: release.version.clone(),
            environment: release.environment.clone(),
            began,
            first,
            tick: schedule.tick(),
            grid: *grid,
            in_flight: metrics.totals().in_flight,
            ended,
            starts: 0,
            described: self.shared.described(),
        }
    }
}

#[cfg(test)]
mod tests;

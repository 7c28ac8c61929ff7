//! Keeps what the application did lately, and says it.

#[cfg(feature = "fleet")]
mod fleet_numbers;
mod numbers;
mod restore;
mod settings;
#[cfg(feature = "fleet")]
mod shared_alerts;

#[cfg(feature = "fleet")]
use std::{any::Any, sync::OnceLock};
use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

pub(super) use self::settings::{CheckedLately, LatelySettings};
#[cfg(feature = "fleet")]
use self::shared_alerts::SharedAlerts;
use super::{Deployment, Vitals};
#[cfg(feature = "fleet")]
use crate::fleet::{Lease, Mark, Running, SharedMarks};
use crate::{
    alerts::{Host, Shared, Stored},
    metrics::{CircuitState, Metrics, bounds::Bounds, readings::Key},
    release::Release,
    statistics::{DeploymentMark, Source, StatisticsHandle, Stretch, Stretches},
    timestamp,
    window::{
        Settings, Span, Sums, Window,
        store::{self, Deployed, Records, StoreWriter},
    },
};
#[cfg(feature = "notify")]
use crate::{notify::StoredTold, statistics::WallTime};

/// What the application did lately. Clones share it.
#[derive(Clone)]
pub(super) struct Lately(Arc<Kept>);

struct Kept {
    metrics: Metrics,
    window: Window,
    slot: Duration,
    /// When this process began to keep it, as wall time since 1970.
    began: Duration,
    /// Those by which durations are counted.
    bounds: Bounds,
    records: Mutex<Records>,
    /// `None` without a state file.
    writer: Option<StoreWriter>,
    #[cfg(feature = "fleet")]
    fleet: Option<Running>,
    /// The deployments that instances share. Empty without a fleet.
    #[cfg(feature = "fleet")]
    marks: OnceLock<SharedMarks>,
    /// Who evaluates the alerts of all instances. Empty without a fleet.
    #[cfg(feature = "fleet")]
    lease: OnceLock<Arc<Lease>>,
}

// === impl Lately ===

impl Lately {
    /// Begins to keep what is counted, after what the process before has kept.
    pub(super) fn start(settings: CheckedLately, metrics: &Metrics, release: &Release) -> Self {
        let bounds = metrics.duration_bounds();
        let mut window = Settings::new(&bounds);
        if let Some(slot) = settings.slot {
            window = window.slot(slot);
        }
        if let Some(memory) = settings.memory {
            window = window.budget(memory);
        }
        let slot = window.slot_length();
        let counters = metrics.clone();
        let window = Window::start(window, move || counters.readings());
        let began = timestamp::since_1970();
        let restored = settings.place.map(|place| {
            let service = release.service.as_deref();
            restore::restore(&place, service, &window, metrics)
        });
        let (writer, records) = restored.unzip();
        let lately = Self(Arc::new(Kept {
            metrics: metrics.clone(),
            window,
            slot,
            began,
            bounds,
            records: Mutex::new(records.unwrap_or_default()),
            writer,
            #[cfg(feature = "fleet")]
            fleet: settings
                .fleet
                .map(|fleet| Running::start(fleet, release, slot, metrics)),
            #[cfg(feature = "fleet")]
            marks: OnceLock::new(),
            #[cfg(feature = "fleet")]
            lease: OnceLock::new(),
        }));
        lately.note_start(release);
        lately
    }

    /// A start of another version than the one before is a deployment.
    fn note_start(&self, release: &Release) {
        let at = timestamp::since_1970();
        let version = release.version.as_deref();
        let mut records = self.0.records();
        let Some(start) = records.started(version, at.as_millis() as u64) else {
            return;
        };
        if start.is_deployment {
            let metrics = &self.0.metrics;
            metrics.record_deployment(&start.version, at.as_secs_f64());
        }
        self.0.write(&records);
    }

    /// Notes a deployment. Returns whether the one that was recorded before was another one.
    pub(super) fn deployed(&self, deployment: &Deployment, environment: &str, at: f64) -> bool {
        let mut records = self.0.records();
        let deployed = Deployed {
            version: deployment.version.clone(),
            at_ms: (at * 1_000.0) as u64,
            environment: environment.to_owned(),
            by: deployment.by.clone(),
            changes: deployment.changes.clone(),
        };
        let is_new = records.deployed(&deployed);
        self.0.write(&records);
        is_new
    }

    /// The version that was deployed last, and when.
    #[cfg(feature = "notify")]
    pub(super) fn deployment(&self) -> Option<(String, WallTime)> {
        let last = self.0.records().last_deployment()?;
        let at = Duration::from_millis(last.at_ms);
        Some((last.version, WallTime::new(at)))
    }

    /// What the process before has told.
    #[cfg(feature = "notify")]
    pub(super) fn told(&self) -> Option<StoredTold> {
        self.0.records().only(store::TOLD)
    }

    /// Keeps what was told.
    #[cfg(feature = "notify")]
    pub(super) fn keep_told(&self, told: &StoredTold) {
        if self.has_file() {
            let mut records = self.0.records();
            records.set_only(store::TOLD, told);
            self.0.write(&records);
        }
    }

    /// The length of the shortest slot.
    #[cfg(feature = "generate")]
    pub(super) fn slot(&self) -> Duration {
        self.0.slot
    }

    pub(super) fn handle(&self) -> StatisticsHandle {
        StatisticsHandle::new(Arc::clone(&self.0) as Arc<dyn Source>)
    }

    /// Where alerts have their numbers, and what the process before kept of them.
    pub(super) fn for_alerts(&self) -> (Box<dyn Host>, Option<Stored>) {
        let before = self.0.records().only(store::ALERTS);
        (Box::new(Arc::clone(&self.0)), before)
    }

    /// What alerts share with other instances, and the name of this one. `None` without a fleet.
    #[cfg(feature = "fleet")]
    pub(super) fn shared_alerts(&self) -> Option<(Box<dyn Shared>, Arc<str>)> {
        let running = self.fleet()?;
        let shared = SharedAlerts::new(running, &self.0);
        let instance = running.checked().instance.as_str();
        Some((Box::new(shared), Arc::from(instance)))
    }

    /// Nothing.
    #[cfg(not(feature = "fleet"))]
    pub(super) const fn shared_alerts(&self) -> Option<(Box<dyn Shared>, Arc<str>)> {
        None
    }

    /// Writes the state file now. Returns `false` if it took longer than `timeout`.
    #[cfg(feature = "health")]
    pub(super) fn save(&self, timeout: Duration) -> bool {
        let writer = self.0.writer.as_ref();
        writer.is_none_or(|writer| writer.save(timeout))
    }

    /// Writes the state file a last time. Returns `false` if it took longer than `timeout`.
    pub(super) fn end(&self, timeout: Duration) -> bool {
        let writer = self.0.writer.as_ref();
        writer.is_none_or(|writer| writer.end(timeout))
    }

    /// This instance among the others. `None` without a fleet.
    #[cfg(feature = "fleet")]
    pub(super) fn fleet(&self) -> Option<&Running> {
        self.0.fleet.as_ref()
    }

    /// Whether this instance evaluates the alerts of all.
    #[cfg(feature = "fleet")]
    pub(super) fn has_the_lease(&self) -> bool {
        self.0.lease.get().is_some_and(|lease| lease.is_held())
    }

    /// Lets another instance evaluate the alerts of all, at once. This one does so no more, or not for a while if it goes on.
    #[cfg(feature = "fleet")]
    pub(super) fn give_up_the_lease(&self, goes_on: bool) {
        if let Some(lease) = self.0.lease.get() {
            // If Redis does not answer, the lease runs out by itself.
            let _ = lease.give_up(goes_on);
        }
    }

    /// Shows the deployments of all instances from now on.
    #[cfg(feature = "fleet")]
    pub(super) fn share(&self, marks: &SharedMarks) {
        // The first one stays.
        let _ = self.0.marks.set(marks.clone());
    }

    pub(super) fn has_file(&self) -> bool {
        self.0.writer.is_some()
    }

    /// Whether nothing is written to the state file. `None` without one.
    pub(super) fn file_is_off(&self) -> Option<bool> {
        self.0.writer.as_ref().map(StoreWriter::is_off)
    }
}

impl fmt::Debug for Lately {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lately").finish_non_exhaustive()
    }
}

// === impl Kept ===

impl Kept {
    fn records(&self) -> MutexGuard<'_, Records> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self, records: &Records) {
        if let Some(writer) = &self.writer {
            writer.write_records(records.clone());
        }
    }
}

impl Source for Kept {
    fn last(&self, window: Duration) -> [Sums; 2] {
        let view = self.window.view();
        let now = view.sums(Span::Last(window), |_| true);
        let before = Span::Between(now.begin.saturating_sub(window), now.begin);
        let failures = |key: &Key| matches!(key, Key::Errors { .. });
        [now, view.sums(before, failures)]
    }

    fn stretches(&self) -> Box<Stretches<'_>> {
        let view = self.window.view();
        let traffic = Key::is_of_traffic;
        Box::new(move |from, to| view.sums(Span::Between(from, to), traffic))
    }

    fn view(&self) -> Box<Stretch<'_>> {
        let view = self.window.view();
        Box::new(move |span, wanted| view.sums(span, wanted))
    }

    fn now(&self) -> Duration {
        timestamp::since_1970()
    }

    fn bounds(&self) -> &Bounds {
        &self.bounds
    }

    fn in_flight(&self) -> u64 {
        self.metrics.totals().in_flight
    }

    fn circuits(&self) -> BTreeMap<&'static str, CircuitState> {
        self.metrics.circuits()
    }

    fn samples(&self) -> BTreeMap<String, f64> {
        self.metrics.samples()
    }

    fn deployments(&self) -> Vec<DeploymentMark> {
        #[cfg(feature = "fleet")]
        if let Some(shared) = self.marks.get().and_then(SharedMarks::known) {
            return shared.into_iter().map(Mark::into).collect();
        }
        let deployments = self.records().deployments();
        let mark = |deployed: Deployed| DeploymentMark {
            version: deployed.version,
            at: Duration::from_millis(deployed.at_ms),
            environment: deployed.environment,
            by: deployed.by,
            changes: deployed.changes,
        };
        deployments.into_iter().map(mark).collect()
    }

    fn clear(&self) {
        self.window.clear();
    }

    fn memory(&self) -> usize {
        self.window.memory()
    }

    fn given_up(&self) -> u64 {
        self.window.given_up()
    }

    fn lost_ticks(&self) -> u64 {
        self.window.lost_ticks()
    }

    #[cfg(feature = "fleet")]
    fn fleet(&self) -> Option<Arc<dyn Any + Send + Sync>> {
        let running = self.fleet.clone()?;
        Some(Arc::new(running))
    }
}

// === impl Vitals ===

impl Vitals {
    /// What the application did lately, by endpoint, category and release. See the [module](crate::statistics).
    #[cfg_attr(tower_vitals_docsrs, doc(cfg(feature = "statistics")))]
    #[must_use]
    pub fn statistics(&self) -> StatisticsHandle {
        self.lately.handle()
    }
}

#[cfg(all(test, feature = "health"))]
mod tests;

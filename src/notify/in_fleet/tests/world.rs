//! Plays several instances of a service, quarter of a minute by quarter of a minute.

use std::{
    mem,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering::SeqCst},
    },
    time::Duration,
};

use serde_json::Value;

use super::{
    machine::{Machine, OnMachine},
    people::{BEGIN, Note, Noting},
    shared_store::{Store, Wire},
};
use crate::{
    alerts::{
        Alert, AlertSeverity, Alerts, AlertsHandle, Evaluation, GoOn, Host as _, Listener, Rule,
        Running as Alerting, Signal,
    },
    metrics::Settings,
    notify::{
        NotificationKind, Notifiers, Routes, StoredTold, notification::Origin, running::Running,
    },
};

pub(super) const QUARTER: Duration = Duration::from_secs(15);
pub(super) const MINUTE: Duration = Duration::from_secs(60);

/// In time for everything that happens, on a machine that is busy.
const LONG: Duration = Duration::from_secs(30);

/// Several instances, and the store that they share.
pub(super) struct World {
    pub(super) now: Arc<AtomicU64>,
    pub(super) store: Arc<Store>,
    pub(super) instances: Vec<Arc<Instance>>,
    pub(super) notes: Arc<Mutex<Vec<Note>>>,
    /// What those get who take the state of all alerts.
    pub(super) states: Arc<Mutex<Vec<Note>>>,
    /// After how long somebody is called of whom routes know nothing. `None`: nobody is.
    pub(super) calls_after: Option<Duration>,
    /// What that one is told.
    pub(super) calls: Arc<Mutex<Vec<Note>>>,
}

/// An instance.
pub(super) struct Instance {
    pub(super) wire: Arc<Wire>,
    pub(super) alerting: Arc<Alerting>,
    pub(super) alerts: AlertsHandle,
    pub(super) machine: Arc<Machine>,
    notify: Arc<Running>,
    /// It does nothing any more.
    pub(super) is_dead: Arc<AtomicBool>,
    due: AtomicU64,
}

struct Listening {
    notify: Arc<Running>,
    machine: Arc<Machine>,
    is_dead: Arc<AtomicBool>,
}

// === impl World ===

impl World {
    pub(super) fn new() -> Self {
        Self {
            now: Arc::new(AtomicU64::new(BEGIN)),
            store: Arc::default(),
            instances: Vec::new(),
            notes: Arc::default(),
            states: Arc::default(),
            calls_after: None,
            calls: Arc::default(),
        }
    }

    /// With so many instances that have the usual rules of these tests.
    pub(super) fn of(count: usize) -> Self {
        let mut world = Self::new();
        for _ in 0..count {
            world.start(rules(), 0, None);
        }
        world
    }

    /// Starts an instance. Its wall clock is wrong by so many seconds.
    pub(super) fn start(
        &mut self,
        rules: impl IntoIterator<Item = Rule>,
        wrong: i64,
        before: Option<&Machine>,
    ) -> Arc<Instance> {
        let number = self.instances.len() as u64;
        let rules = Alerts::none().rules(rules).checked().unwrap();
        let rules = rules.in_fleet(&format!("shop-{number}").into());
        let names: Vec<_> = rules
            .rules
            .iter()
            .map(|rule| rule.name.to_string())
            .collect();
        let metrics = Settings::new().isolated().unwrap();
        let machine = Arc::new(Machine {
            now: Arc::clone(&self.now),
            wrong,
            is_failing: AtomicBool::new(false),
            in_flight: AtomicI64::new(0),
            kept: Mutex::new(None),
            told: Mutex::new(None),
        });
        let kept = before.and_then(|before| before.kept.lock().unwrap().clone());
        let told = before.and_then(|before| before.told.lock().unwrap().clone());
        let wire = Arc::new(Wire::new(number, &self.now, &self.store));
        let noting = |name, notes: &Arc<Mutex<Vec<Note>>>| Noting {
            by: number,
            name,
            now: Arc::clone(&self.now),
            notes: Arc::clone(notes),
        };
        let mut notifiers = Notifiers::new()
            .notifier(noting("slack", &self.notes))
            .notifier(noting("state", &self.states));
        if let Some(after) = self.calls_after {
            let warning = AlertSeverity::Warning;
            let routes = Routes::new().severity(warning, ["slack"]);
            notifiers = notifiers
                .notifier(noting("phone", &self.calls))
                .routes(routes.escalate(warning, after, ["phone"]));
        }
        let names = names.iter().map(|name| (&**name, AlertSeverity::Warning));
        let notifiers = notifiers.checked(names).unwrap();
        let now = OnMachine(Arc::clone(&machine)).clock().wall;
        let origin = Origin::default();
        let notify = Running::start(notifiers, origin, told, now, &metrics).unwrap();
        let notify = Arc::new(notify);
        let host = Box::new(OnMachine(Arc::clone(&machine)));
        let shared = Box::new(Arc::clone(&wire));
        let alerting = Arc::new(Alerting::new(rules, kept, host, Some(shared), &metrics));
        let is_dead = Arc::new(AtomicBool::new(false));
        alerting.listen(Box::new(Listening {
            notify: Arc::clone(&notify),
            machine: Arc::clone(&machine),
            is_dead: Arc::clone(&is_dead),
        }));
        let instance = Arc::new(Instance {
            alerts: AlertsHandle::new(Arc::clone(&alerting)),
            wire,
            alerting,
            machine,
            notify,
            is_dead,
            due: AtomicU64::new(0),
        });
        self.instances.push(Arc::clone(&instance));
        instance
    }

    /// A quarter of a minute passes.
    pub(super) fn quarter(&self) {
        self.now.fetch_add(QUARTER.as_millis() as u64, SeqCst);
        self.instances.iter().for_each(|one| one.quarter());
    }

    pub(super) fn minutes(&self, count: u64) {
        (0..4 * count).for_each(|_| self.quarter());
    }

    /// Whether requests of the whole fleet and of each instance fail.
    pub(super) fn fail(&self, is_failing: bool) {
        self.store.lock().is_failing = is_failing;
        for one in &self.instances {
            one.machine.is_failing.store(is_failing, SeqCst);
        }
    }

    /// Redis cannot be reached by anybody.
    pub(super) fn lose_redis(&self) {
        self.instances.iter().for_each(|one| one.lose_redis());
    }

    /// Redis is back for all.
    pub(super) fn find_redis(&self) {
        for one in &self.instances {
            one.find(&self.store);
        }
    }

    /// What people were told since this was asked last: the kind, and the instance that told it.
    pub(super) fn told(&self) -> Vec<(NotificationKind, u64)> {
        taken(&self.notes)
    }

    /// The same of the one who is called.
    pub(super) fn called(&self) -> Vec<(NotificationKind, u64)> {
        taken(&self.calls)
    }

    /// The kinds alone.
    pub(super) fn kinds(&self) -> Vec<NotificationKind> {
        self.told().into_iter().map(|(kind, _)| kind).collect()
    }
}

// === impl Instance ===

impl Instance {
    fn quarter(&self) {
        if self.is_dead.load(SeqCst) {
            return;
        }
        if self.is_due() || self.alerting.look() {
            self.evaluate();
        }
    }

    pub(super) fn is_due(&self) -> bool {
        self.machine.now.load(SeqCst) >= self.due.load(SeqCst)
    }

    /// Whether it evaluates in a quarter of a minute.
    pub(super) fn is_due_next(&self) -> bool {
        let next = self.machine.now.load(SeqCst) + QUARTER.as_millis() as u64;
        next >= self.due.load(SeqCst)
    }

    pub(super) fn evaluate(&self) {
        let now = self.machine.now.load(SeqCst);
        self.due.store(now + MINUTE.as_millis() as u64, SeqCst);
        self.alerting.evaluate();
        assert_eq!(self.notify.flush(LONG), 0);
    }

    pub(super) fn die(&self) {
        self.is_dead.store(true, SeqCst);
    }

    pub(super) fn end_notifications(&self) {
        assert_eq!(self.notify.end(LONG), 0);
    }

    pub(super) fn lose_redis(&self) {
        *self.wire.store.lock().unwrap() = None;
    }

    pub(super) fn find(&self, store: &Arc<Store>) {
        *self.wire.store.lock().unwrap() = Some(Arc::clone(store));
    }

    /// The alert of the fleet with this name, as this instance shows it.
    pub(super) fn alert(&self, name: &str) -> Option<Alert> {
        let mut all = self.alerts.all().into_iter();
        all.find(|alert| alert.name == name)
    }
}

fn taken(notes: &Mutex<Vec<Note>>) -> Vec<(NotificationKind, u64)> {
    let notes = mem::take(&mut *notes.lock().unwrap());
    notes.iter().map(|note| (note.kind, note.by)).collect()
}

/// A rule of the fleet, and one of each instance.
pub(super) fn rules() -> [Rule; 2] {
    [errors("errors"), busy()]
}

/// A rule of the fleet that fires after three minutes and is held for four.
pub(super) fn errors(name: &str) -> Rule {
    Rule::new(name, Signal::error_rate_percent())
        .above(50.0)
        .pending_for(3 * MINUTE)
        .keep_firing_for(4 * MINUTE)
        .no_repeat()
}

/// A rule of the fleet that never fires.
pub(super) fn calm() -> Rule {
    Rule::new("calm", Signal::requests_per_second()).above(1e9)
}

/// A rule of each instance that fires and ends at once.
pub(super) fn busy() -> Rule {
    Rule::new("busy", Signal::in_flight())
        .above(10.0)
        .pending_for(Duration::ZERO)
        .keep_firing_for(Duration::ZERO)
        .no_repeat()
}

impl Listener for Listening {
    fn evaluated(&self, evaluation: &Evaluation<'_>) {
        let told = self.notify.evaluated(evaluation, None);
        self.keep(told);
    }

    fn go_on(&self, told: Value, now: Duration, how: GoOn) {
        self.notify.go_on(told, now, how);
    }

    fn decide(&self, evaluation: &Evaluation<'_>) -> (Value, bool) {
        self.notify.decide(evaluation, None)
    }

    fn tell(&self, now: Duration) {
        if !self.is_dead.load(SeqCst) {
            let told = self.notify.tell(now, None);
            self.keep(told);
        }
    }

    fn take_back(&self) {
        self.notify.take_back();
    }

    fn told(&self, now: Duration) -> (Value, bool) {
        self.notify.told(now)
    }
}

// === impl Listening ===

impl Listening {
    fn keep(&self, told: Option<StoredTold>) {
        if let Some(told) = told {
            *self.machine.told.lock().unwrap() = Some(told);
        }
    }
}

//! Notifications wait, are too many or too old, and are of another version.

use std::{
    sync::{
        Mutex,
        mpsc::{self, Receiver, Sender},
    },
    time::Duration,
};

use serde_json::Value;

use super::NotificationKind::Firing;
use crate::{
    alerts::{
        Alert, AlertSeverity, AlertState, Evaluation, Fingerprint, GoOn, Notice, Part, Transition,
    },
    metrics::{Metrics, Settings},
    notify::{
        Notification, NotificationKind, Notifier, Notifiers, NotifyError, notification::Origin,
        running::Running, samples,
    },
    statistics::WallTime,
};

const AT: Duration = Duration::from_secs(1_800_000_000);

/// In time for everything that happens, on a machine that is busy.
const LONG: Duration = Duration::from_secs(30);

/// Takes notifications once the test lets it.
struct Gate {
    name: &'static str,
    open: Mutex<Receiver<()>>,
    told: Sender<(&'static str, NotificationKind)>,
}

/// Who tells, and what somebody was told.
struct Teller {
    running: Running,
    metrics: Metrics,
    gates: Vec<Sender<()>>,
    heard: Receiver<(&'static str, NotificationKind)>,
}

// === impl Gate ===

impl Notifier for Gate {
    fn name(&self) -> &str {
        self.name
    }

    fn notify(&self, all: &[Notification], _: Duration) -> Result<(), NotifyError> {
        // It opens for good when the test drops the other end.
        let _ = self.open.lock().unwrap().recv();
        for one in all {
            self.told.send((self.name, one.kind)).unwrap();
        }
        Ok(())
    }

    fn every(&self) -> Duration {
        Duration::ZERO
    }
}

// === impl Teller ===

impl Teller {
    fn new(names: &[&'static str]) -> Self {
        let (told, heard) = mpsc::channel();
        let mut gates = Vec::new();
        let notifiers = names.iter().fold(Notifiers::new(), |all, name| {
            let (gate, open) = mpsc::channel();
            gates.push(gate);
            all.notifier(Gate {
                name,
                open: Mutex::new(open),
                told: told.clone(),
            })
        });
        let rules = [("errors", AlertSeverity::Warning)];
        let checked = notifiers.checked(rules.into_iter()).unwrap();
        let metrics = Settings::new().isolated().unwrap();
        let running = Running::start(checked, Origin::default(), None, AT, &metrics).unwrap();
        Self {
            running,
            metrics,
            gates,
            heard,
        }
    }

    /// Decides that so many alerts fire. Gives what a successor goes on with.
    fn decide(&self, many: usize) -> Value {
        let transitions: Vec<_> = (0..many)
            .map(|index| {
                let mut alert = Alert {
                    name: "errors".to_owned(),
                    severity: AlertSeverity::Warning,
                    state: AlertState::Firing,
                    ..samples::alert()
                };
                let endpoint = format!("/{index}");
                alert.labels.insert("endpoint".to_owned(), endpoint);
                alert.fingerprint = Fingerprint::of(&alert.name, &alert.labels);
                Transition {
                    alert,
                    from: AlertState::Pending,
                    notice: Notice::Tell,
                }
            })
            .collect();
        let firing: Vec<_> = transitions.iter().map(|one| one.alert.clone()).collect();
        let evaluation = Evaluation {
            part: Part::Fleet,
            elapsed: Duration::ZERO,
            at: WallTime::new(AT),
            interval: Duration::from_secs(60),
            transitions: &transitions,
            firing: &firing,
        };
        let (told, is_settled) = self.running.decide(&evaluation, None);
        assert!(!is_settled);
        told
    }

    /// Lets all notifiers take what waits, and gives what they took.
    fn open(&mut self) -> Vec<(&'static str, NotificationKind)> {
        self.gates.clear();
        assert_eq!(self.running.flush(LONG), 0);
        self.heard.try_iter().collect()
    }
}

fn waiting_for(told: &Value) -> Vec<&Value> {
    let letters = told["outbox"].as_array().unwrap().iter();
    letters.map(|letter| &letter["to"]).collect()
}

#[test]
fn each_of_more_notifications_than_can_wait_is_told_or_counted() {
    let mut teller = Teller::new(&["slack"]);
    teller.decide(600);
    teller.running.tell(AT, None);
    let told = teller.open().len() as u64;
    assert!((256..600).contains(&told), "{told}");
    let [sent, dropped, refused, failed] = teller.metrics.notifications("slack").unwrap();
    assert_eq!((sent, refused, failed), (told, 0, 0));
    assert_eq!(dropped, 600 - told);
}

#[test]
fn a_successor_tells_only_those_who_do_not_have_it() {
    let mut first = Teller::new(&["slack", "webhook"]);
    first.decide(1);
    first.running.tell(AT, None);
    // Slack takes it, and the other one hangs when this instance dies.
    first.gates.remove(0);
    assert_eq!(first.heard.recv_timeout(LONG), Ok(("slack", Firing)));
    let told = loop {
        let (told, is_settled) = first.running.told(AT);
        assert!(!is_settled);
        // Its thread drops the ticket a moment after it was told.
        if waiting_for(&told) != [&serde_json::json!(["slack", "webhook"])] {
            break told;
        }
        std::thread::yield_now();
    };
    assert_eq!(waiting_for(&told), [&serde_json::json!(["webhook"])]);
    let mut second = Teller::new(&["slack", "webhook"]);
    let how = GoOn::Succeed {
        was_alone: false,
        knows_more: false,
    };
    second.running.go_on(told, AT, how);
    second.running.tell(AT, None);
    assert_eq!(second.open(), [("webhook", Firing)]);
    first.open();
}

#[test]
fn a_letter_older_than_ten_minutes_is_not_told_by_a_successor_and_counts_as_dropped() {
    let mut first = Teller::new(&["slack", "elsewhere"]);
    let told = first.decide(2);
    for (minutes, is_told) in [(9, true), (11, false)] {
        let mut second = Teller::new(&["slack"]);
        let now = AT + Duration::from_secs(minutes * 60);
        let how = GoOn::Succeed {
            was_alone: false,
            knows_more: false,
        };
        second.running.go_on(told.clone(), now, how);
        second.running.tell(now, None);
        let heard = second.open();
        let [sent, dropped, ..] = second.metrics.notifications("slack").unwrap();
        assert_eq!(heard.len(), if is_told { 2 } else { 0 });
        assert_eq!((sent, dropped), if is_told { (2, 0) } else { (0, 2) });
        // This instance does not have the other notifier: somebody else may.
        let others = second.metrics.notifications("_OTHER");
        let lost = others.map(|[_, dropped, ..]| dropped);
        assert_eq!(lost, (!is_told).then_some(2));
        let (told, is_settled) = second.running.told(now);
        assert!(is_settled);
        assert_eq!(waiting_for(&told).len(), if is_told { 2 } else { 0 });
    }
    first.open();
}

#[test]
fn names_of_notifiers_that_are_not_here_make_one_series() {
    let mut first = Teller::new(&["slack"]);
    let mut told = first.decide(1);
    let names = |what: &str| {
        (0..500)
            .map(|index| format!("{what} {index}"))
            .collect::<Vec<_>>()
    };
    let letters = told["outbox"].as_array_mut().unwrap();
    letters[0]["to"] = serde_json::json!(names("known"));
    // One that cannot be read here.
    letters.push(serde_json::json!({"to": names("later"), "at": AT, "kind": "sung"}));
    let mut second = Teller::new(&["slack"]);
    let late = AT + Duration::from_secs(601);
    let how = GoOn::Succeed {
        was_alone: false,
        knows_more: false,
    };
    second.running.go_on(told, late, how);
    second.running.tell(late, None);
    let all = second.metrics.notifications("_OTHER");
    assert_eq!(all, Some([0, 1_000, 0, 0]));
    for name in [names("known"), names("later")].concat() {
        assert_eq!(second.metrics.notifications(&name), None);
    }
    second.open();
    first.open();
}

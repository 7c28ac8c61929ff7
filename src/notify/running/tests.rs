use std::sync::mpsc::{self, Receiver, Sender};

use super::*;
use crate::{
    alerts::{presets, tests::Play},
    metrics::Settings,
    notify::{Notifier, Notifiers, NotifyError, Routes},
};

/// In time for everything that happens, on a machine that is busy.
const LONG: Duration = Duration::from_secs(30);

const AT: WallTime = WallTime::new(Duration::from_secs(1_800_000_000));

/// Notes what it is told.
struct Notes {
    name: &'static str,
    takes_state: bool,
    told: Sender<(&'static str, Notification)>,
}

/// Hangs until the test has ended.
struct Hangs(Mutex<Receiver<()>>);

// === impl Notes ===

impl Notifier for Notes {
    fn name(&self) -> &str {
        self.name
    }

    fn notify(&self, notifications: &[Notification], _: Duration) -> Result<(), NotifyError> {
        for one in notifications {
            self.told.send((self.name, one.clone())).unwrap();
        }
        Ok(())
    }

    fn every(&self) -> Duration {
        Duration::ZERO
    }

    fn takes_state(&self) -> bool {
        self.takes_state
    }
}

// === impl Hangs ===

impl Notifier for Hangs {
    fn name(&self) -> &str {
        "hangs"
    }

    fn notify(&self, _: &[Notification], _: Duration) -> Result<(), NotifyError> {
        let _ = self.0.lock().unwrap().recv();
        Ok(())
    }
}

type Told = Receiver<(&'static str, Notification)>;

/// These notifiers, each of which takes changes.
fn noting(names: &[&'static str]) -> (Notifiers, Told, Sender<(&'static str, Notification)>) {
    let (told, heard) = mpsc::channel();
    let all = names.iter().fold(Notifiers::new(), |all, name| {
        all.notifier(Notes {
            name,
            takes_state: false,
            told: told.clone(),
        })
    });
    (all, heard, told)
}

fn start(notifiers: Notifiers, metrics: &Metrics) -> Running {
    start_after(None, notifiers, metrics)
}

/// Goes on with what an earlier process told.
fn start_after(before: Option<StoredTold>, notifiers: Notifiers, metrics: &Metrics) -> Running {
    let rules = presets::usual();
    let rules = rules.iter().map(|rule| (&*rule.name, rule.severity));
    let checked = notifiers.checked(rules).unwrap();
    let origin = Origin {
        service: "shop".to_owned(),
        ..Origin::default()
    };
    Running::start(checked, origin, before, Duration::ZERO, metrics).unwrap()
}

fn metrics() -> Metrics {
    Settings::new().isolated().unwrap()
}

/// Ends everything, and gives what each notifier was told.
fn told(running: Running, heard: &Told) -> Vec<(&'static str, NotificationKind)> {
    assert_eq!(running.end(LONG), 0);
    drop(running);
    let all = heard.try_iter();
    all.map(|(name, one)| (name, one.kind)).collect()
}

#[test]
fn a_million_failures_in_an_hour_are_one_incident() {
    use NotificationKind::{Firing, Repeated, Resolved};

    let names = ["slack", "pagerduty"];
    let (notifiers, heard, _) = noting(&names);
    let running = start(notifiers, &metrics());
    let mut play = Play::new(presets::usual().into_iter().take(1));
    for minute in 0..180 {
        if minute < 60 {
            play.service.requests("/orders", 500, 1_000_000 / 60);
        }
        play.service.requests("/orders", 200, 100);
        play.minute();
        play.told(|evaluation| running.evaluated(evaluation, None));
    }
    let told = told(running, &heard);
    for name in names {
        let kinds = told.iter().filter(|(told, _)| *told == name);
        let kinds: Vec<_> = kinds.map(|(_, kind)| *kind).collect();
        assert_eq!(kinds, [Firing, Repeated, Resolved], "{name}");
    }
}

#[test]
fn without_a_fleet_nothing_is_kept_of_what_was_told_before_the_last_hour() {
    let minute = |many: u64| serde_json::json!({ "secs": 60 * many, "nanos": 0 });
    let before = serde_json::json!({
        "at": minute(0),
        "told": {
            "f85a8fde4ff0f4c0": { "firing_for": minute(9), "is_escalated": true, "ages": [minute(9)] },
            "a85a8fde4ff0f4c0": { "ages": [minute(30), minute(20)] },
        },
    });
    let before = serde_json::from_value(before).unwrap();
    let (notifiers, _heard, _) = noting(&["slack"]);
    let running = start_after(Some(before), notifiers, &metrics());
    let mut play = Play::new(presets::usual().into_iter().take(1));
    let mut kept = None;
    for minute in 0..100 {
        let status = if minute < 90 { 200 } else { 500 };
        play.service.requests("/orders", status, 100);
        play.minute();
        kept = play
            .told(|evaluation| running.evaluated(evaluation, None))
            .or(kept);
    }
    let fires = play.told(|evaluation| evaluation.firing[0].fingerprint.to_string());
    let kept = serde_json::to_value(&kept).unwrap();
    let told: Vec<_> = kept["told"].as_object().unwrap().keys().collect();
    assert_eq!(told, [&fires]);
}

#[test]
fn a_notifier_of_states_is_told_each_minute_and_others_once() {
    use NotificationKind::{Firing, Resolved};

    let (notifiers, heard, sender) = noting(&["slack"]);
    let notifiers = notifiers.notifier(Notes {
        name: "state",
        takes_state: true,
        told: sender,
    });
    let running = start(notifiers, &metrics());
    let mut play = Play::new(presets::usual().into_iter().take(1));
    let mut expected = Vec::new();
    let mut ended_for = None;
    for minute in 0..120 {
        let status = if minute < 30 { 500 } else { 200 };
        play.service.requests("/orders", status, 100);
        play.minute();
        play.told(|evaluation| {
            match evaluation.firing {
                [] if expected.is_empty() => {}
                [] => {
                    let minutes: u32 = ended_for.map_or(0, |minutes| minutes + 1);
                    ended_for = Some(minutes);
                    if minutes < 15 {
                        expected.push(Resolved);
                    }
                }
                _ => expected.push(Firing),
            }
            running.evaluated(evaluation, None)
        });
        // Else the state would be joined with the next one.
        assert_eq!(running.flush(LONG), 0);
    }
    let told = told(running, &heard);
    let of = |name| {
        let kinds = told.iter().filter(move |(told, _)| *told == name);
        kinds.map(|(_, kind)| *kind).collect::<Vec<_>>()
    };
    assert_eq!(of("slack"), [Firing, Resolved]);
    assert_eq!(of("state"), expected);
    assert!(expected.len() > 40, "{}", expected.len());
}

#[test]
fn a_notifier_that_hangs_delays_no_other_while_ten_thousand_wait() {
    let (go_on, stop) = mpsc::channel();
    let (notifiers, heard, _) = noting(&["works"]);
    let metrics = metrics();
    let running = start(notifiers.notifier(Hangs(Mutex::new(stop))), &metrics);
    for index in 0..500 {
        let title = format!("title {index}");
        for _ in 0..20 {
            let told = running.say(AlertSeverity::Info, &title, "", AT, || None);
            assert_eq!(told, 2);
        }
        // The other one has all of it before the next ones come.
        for _ in 0..20 {
            let (name, one) = heard.recv_timeout(LONG).unwrap();
            assert_eq!((name, one.name), ("works", title.clone()));
        }
    }
    // One is told at the moment, or waits for its place.
    let pending = running.pending();
    assert!((256..=276).contains(&pending), "{pending}");
    let [sent, dropped, refused, failed] = metrics.notifications("hangs").unwrap();
    assert_eq!((sent, refused, failed), (0, 0, 0));
    assert_eq!(dropped + pending, 10_000);
    let untold = running.end(Duration::from_millis(10));
    assert_eq!(untold, pending);
    let counted = metrics.notifications("hangs").unwrap();
    assert_eq!(counted, [0, 10_000, 0, 0]);
    assert_eq!(metrics.notifications("works").unwrap(), [10_000, 0, 0, 0]);
    drop(go_on);
}

#[test]
fn what_the_application_says_takes_the_routes_and_limits_of_alerts() {
    let (notifiers, heard, _) = noting(&["slack", "pagerduty"]);
    let routes = Routes::new()
        .severity(AlertSeverity::Critical, ["pagerduty"])
        .severity(AlertSeverity::Warning, ["slack"]);
    let running = start(notifiers.routes(routes), &metrics());
    let say = |severity, title: &str, text: &str| running.say(severity, title, text, AT, || None);
    assert_eq!(
        say(AlertSeverity::Critical, "down\nnow", &"x".repeat(20_000)),
        1
    );
    assert_eq!(say(AlertSeverity::Info, "for nobody", ""), 0);
    let warned = (0..100).map(|_| say(AlertSeverity::Warning, "slow", ""));
    assert_eq!(warned.sum::<usize>(), 20);
    assert_eq!(running.flush(LONG), 0);
    let (name, one) = heard
        .try_iter()
        .find(|(name, _)| *name == "pagerduty")
        .unwrap();
    assert_eq!(
        (name, &*one.name, &*one.summary),
        ("pagerduty", "down now", "down now")
    );
    assert_eq!(
        (one.kind, one.origin.service.as_str()),
        (NotificationKind::Said, "shop")
    );
    assert!(
        (16_300..=16_384).contains(&one.text.len()),
        "{}",
        one.text.len()
    );
}

#[test]
fn a_deployment_is_told_to_chats_and_as_a_change_and_to_nobody_else() {
    let (notifiers, heard, sender) = noting(&["slack", "pagerduty", "email", "whatsapp"]);
    let notifiers = notifiers.notifier(Notes {
        name: "alertmanager",
        takes_state: true,
        told: sender,
    });
    let running = start(notifiers, &metrics());
    let at = WallTime::new(Duration::from_secs(1_800_000_000));
    let mark = ("1.4.2".to_owned(), at);
    assert_eq!(
        running.deployed("production", "ci", "faster", mark.clone()),
        2
    );
    assert_eq!(running.end(LONG), 0);
    let mut told: Vec<_> = heard.try_iter().collect();
    told.sort_by_key(|(name, _)| *name);
    assert_eq!([told[0].0, told[1].0], ["pagerduty", "slack"]);
    let one = &told[0].1;
    assert_eq!(
        (one.kind, one.severity),
        (NotificationKind::Deployed, AlertSeverity::Info)
    );
    assert_eq!(one.summary, "Deployed 1.4.2 to production");
    assert_eq!(one.text, "By ci.\nfaster");
    assert_eq!(one.origin.deployed, Some(mark));
}

#[test]
fn a_test_says_which_notifiers_took_it() {
    struct Refuses;

    impl Notifier for Refuses {
        fn name(&self) -> &str {
            "refuses"
        }

        fn notify(&self, _: &[Notification], _: Duration) -> Result<(), NotifyError> {
            Err(NotifyError::Refused {
                text: "answered 401".to_owned(),
            })
        }
    }

    let (notifiers, heard, _) = noting(&["slack"]);
    let running = start(notifiers.notifier(Refuses), &metrics());
    let tested = running.test(AT, None);
    let tested: Vec<_> = tested
        .into_iter()
        .map(|one| (one.notifier, one.result))
        .collect();
    let expected = [
        ("slack".to_owned(), Ok(())),
        ("refuses".to_owned(), Err("answered 401".to_owned())),
    ];
    assert_eq!(tested, expected);
    let (_, one) = heard.recv_timeout(LONG).unwrap();
    assert_eq!(one.kind, NotificationKind::Test);
    assert_eq!(one.summary, "shop tries whether notifications arrive");
}

#[test]
fn a_time_that_never_comes_is_no_deadline() {
    let (notifiers, heard, _) = noting(&["slack"]);
    let running = start(notifiers, &metrics());
    let said = running.say(AlertSeverity::Info, "said", "", AT, || None);
    assert_eq!((said, running.flush(Duration::MAX)), (1, 0));
    assert_eq!(running.end(Duration::MAX), 0);
    assert_eq!(heard.try_iter().count(), 1);
}

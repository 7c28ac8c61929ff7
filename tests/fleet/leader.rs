//! Kills who is in charge of the alerts, at each stage of an alert: people are told each thing once.

mod alone;

use std::{thread, time::Duration};

use serde_json::Value;
use tokio::time::Instant;

use crate::{
    alertmanager,
    inbox::Inbox,
    load::Load,
    member::{Member, Settings},
    programs::eventually,
    proxy::Proxy,
    redis::Redis,
};

/// Shorter ones have a lease of more than two intervals.
const INTERVAL: Duration = Duration::from_secs(1);

/// Of the load of each instance.
const PAUSE: Duration = Duration::from_millis(20);

/// Half of it fails.
const FAILING: [&str; 2] = ["/orders/1", "/fails/2"];

const GOOD: [&str; 1] = ["/orders/1"];

/// Who is told.
struct People {
    slack: Inbox,
    pagerduty: Inbox,
    alertmanager: alertmanager::Server,
}

/// What they were told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Told {
    /// How often that it fires, and that it has ended.
    slack: [usize; 2],
    pagerduty: [usize; 2],
    alertmanager: [usize; 2],
    /// Of PagerDuty, each once.
    dedup_keys: Vec<String>,
}

/// The instances that go on, under a load.
struct Crowd {
    members: Vec<Member>,
    loads: Vec<Load>,
}

// === impl People ===

impl People {
    fn new() -> Self {
        Self {
            slack: Inbox::answering(200, "ok"),
            pagerduty: Inbox::answering(202, r#"{"status":"success"}"#),
            alertmanager: alertmanager::Server::start(),
        }
    }

    fn settings(&self, redis: &str) -> Settings {
        Settings::at(redis)
            .with("INTERVAL_MS", &INTERVAL.as_millis().to_string())
            .with("KEEP_MS", "4000")
            .with("SLACK", &self.slack.url("/services/T0/B0/secret"))
            .with("PAGERDUTY", &self.pagerduty.url(""))
            .with("ALERTMANAGER", &self.alertmanager.url())
    }

    /// Adds what came since the last look.
    fn look(&self, told: &mut Told) {
        for one in self.slack.rest() {
            let colour = &one.json()["attachments"][0]["color"];
            told.slack[usize::from(colour == "#2EB886")] += 1;
        }
        for one in self.pagerduty.rest() {
            let event = one.json();
            told.pagerduty[usize::from(event["event_action"] == "resolve")] += 1;
            told.dedup_keys
                .push(event["dedup_key"].as_str().unwrap().to_owned());
            told.dedup_keys.sort();
            told.dedup_keys.dedup();
        }
        for one in self.alertmanager.told.rest() {
            let has_ended = one.json()["status"] == "resolved";
            told.alertmanager[usize::from(has_ended)] += 1;
        }
    }

    /// Waits until everybody has been told `what` times that it fires or that it has ended.
    fn wait(&self, told: &mut Told, place: usize) {
        eventually("everybody is told", || {
            self.look(told);
            let all = [told.slack, told.pagerduty, told.alertmanager];
            all.iter().all(|of| of[place] > 0).then_some(())
        });
    }

    /// What they were told in all, once nothing more comes for a while.
    fn all(&self, told: &mut Told) {
        let mut last = (told.clone(), Instant::now());
        eventually("nothing more comes", || {
            self.look(told);
            if *told != last.0 {
                last = (told.clone(), Instant::now());
            }
            (last.1.elapsed() > INTERVAL * 5).then_some(())
        });
    }
}

// === impl Crowd ===

impl Crowd {
    fn start(settings: &[Settings]) -> Self {
        let names = ["one", "two", "three"].iter();
        let members = settings.iter().zip(names);
        Self {
            members: members.map(|(one, name)| one.start(name)).collect(),
            loads: Vec::new(),
        }
    }

    /// They answer this from now on.
    fn answer(&mut self, paths: &[&str]) {
        self.stop();
        let loads = self.members.iter();
        self.loads = loads
            .map(|one| Load::on(&one.address, paths, PAUSE))
            .collect();
    }

    fn stop(&mut self) {
        for load in self.loads.drain(..) {
            load.stop();
        }
    }

    /// Waits until each of them shows the alert so.
    fn until(&self, state: &str) {
        eventually(state, || {
            let mut all = self.members.iter().map(|one| one.ask("/alerts"));
            all.all(|alerts| alerts[0]["state"] == state).then_some(())
        });
    }

    /// Kills who is in charge, and gives how long nobody was.
    fn kill_leader(&mut self, redis: &Redis) -> Duration {
        let leader = leader(redis).unwrap();
        let place = self.members.iter().position(|one| one.name == leader);
        let mut killed = self.members.remove(place.unwrap());
        killed.kill();
        let since = Instant::now();
        eventually("another one is in charge", || {
            self::leader(redis).filter(|now| *now != leader)
        });
        since.elapsed()
    }
}

/// Who is in charge.
fn leader(redis: &Redis) -> Option<String> {
    let lease = redis.keys(":lease").pop()?;
    let holder: Option<String> = redis.ask(&["GET", &lease]);
    let holder = holder?;
    let all: Vec<(String, String)> = redis.ask(&["HGETALL", redis.keys(":instances").first()?]);
    let (_, entry) = all
        .iter()
        .find(|(start, _)| holder.contains(start.as_str()))?;
    let entry: Value = serde_json::from_str(entry).unwrap();
    Some(entry["id"].as_str().unwrap().to_owned())
}

/// Waits until people are told.
fn until_told(slack: &Inbox) {
    eventually("people are told", || {
        let told = slack.rest();
        (!told.is_empty()).then_some(())
    });
}

/// Waits until the instance `other` is in charge and shows the alert. What was told is told no more.
fn goes_on(redis: &Redis, other: &Member, slack: &Inbox) {
    eventually("it is in charge", || {
        leader(redis).filter(|name| *name == other.name)
    });
    eventually("it shows the alert", || {
        (other.ask("/alerts")[0]["state"] == "firing").then_some(())
    });
    assert_eq!(slack.rest().len(), 0);
}

/// An alert whose leader is killed at this stage.
fn told_once(stage: &str) {
    let redis = Redis::start();
    let people = People::new();
    let settings = people.settings(&redis.url());
    let mut crowd = Crowd::start(&[settings.clone(), settings.clone(), settings]);
    let mut told = Told::default();
    let mut nobody = Duration::ZERO;
    crowd.answer(&FAILING);
    crowd.until("pending");
    if stage == "pending" {
        nobody = crowd.kill_leader(&redis);
    }
    people.wait(&mut told, 0);
    crowd.until("firing");
    if stage == "firing" {
        // Until it has written down who was told.
        thread::sleep(INTERVAL * 4);
        nobody = crowd.kill_leader(&redis);
        thread::sleep(INTERVAL * 4);
    }
    crowd.answer(&GOOD);
    if stage == "resolving" {
        // It still fires, for the time that it is held.
        thread::sleep(INTERVAL * 3);
        crowd.until("firing");
        nobody = crowd.kill_leader(&redis);
    }
    people.wait(&mut told, 1);
    people.all(&mut told);
    println!("{stage}: {nobody:?} without an evaluator, {told:?}");
    // With some slack for a busy machine.
    assert!(nobody < INTERVAL * 5, "{nobody:?}");
    let once = Told {
        slack: [1, 1],
        pagerduty: [1, 1],
        alertmanager: [1, 1],
        dedup_keys: told.dedup_keys.clone(),
    };
    assert_eq!((told.dedup_keys.len(), &told), (1, &once));
    crowd.stop();
}

#[test]
#[ignore = "needs redis-server and prometheus-alertmanager; .ci/run installs them"]
fn a_leader_that_dies_while_an_alert_is_pending_costs_no_notification() {
    told_once("pending");
}

#[test]
#[ignore = "needs redis-server and prometheus-alertmanager; .ci/run installs them"]
fn a_leader_that_dies_while_an_alert_fires_costs_no_notification() {
    told_once("firing");
}

#[test]
#[ignore = "needs redis-server and prometheus-alertmanager; .ci/run installs them"]
fn a_leader_that_dies_while_an_alert_ends_costs_no_notification() {
    told_once("resolving");
}

#[test]
#[ignore = "needs redis-server and prometheus-alertmanager; .ci/run installs them"]
fn a_leader_that_dies_as_slack_is_told_costs_one_message_more_at_most() {
    let redis = Redis::start();
    let people = People::new();
    let settings = people.settings(&redis.url());
    let mut crowd = Crowd::start(&[settings.clone(), settings]);
    let mut told = Told::default();
    crowd.answer(&FAILING);
    eventually("Slack is told", || {
        people.look(&mut told);
        (told.slack[0] > 0).then_some(())
    });
    crowd.kill_leader(&redis);
    people.wait(&mut told, 0);
    crowd.until("firing");
    crowd.answer(&GOOD);
    people.wait(&mut told, 1);
    people.all(&mut told);
    println!("{told:?}");
    assert!((1..=2).contains(&told.slack[0]), "{told:?}");
    assert!((1..=2).contains(&told.pagerduty[0]), "{told:?}");
    assert_eq!((told.slack[1], told.pagerduty[1]), (1, 1), "{told:?}");
    assert_eq!((told.alertmanager, told.dedup_keys.len()), ([1, 1], 1));
    crowd.stop();
}

#[test]
#[ignore = "needs redis-server and prometheus-alertmanager; .ci/run installs them"]
fn two_halves_tell_one_thing_twice_at_most() {
    let (first, second) = (Redis::start(), Redis::start());
    let proxy = Proxy::to(second.port());
    let people = People::new();
    let settings = [people.settings(&first.url()), people.settings(&proxy.url())];
    let mut crowd = Crowd::start(&settings);
    let mut told = Told::default();
    crowd.answer(&FAILING);
    crowd.until("firing");
    people.wait(&mut told, 0);
    // They see each other again, and both say that it fires.
    proxy.lead_to(first.port());
    eventually("they are one again", || {
        (crowd.members[0].instances().len() == 2).then_some(())
    });
    thread::sleep(INTERVAL * 4);
    crowd.answer(&GOOD);
    people.wait(&mut told, 1);
    people.all(&mut told);
    println!("{told:?}");
    assert!(
        told.slack.iter().all(|many| (1..=2).contains(many)),
        "{told:?}"
    );
    assert!(
        told.pagerduty.iter().all(|many| (1..=2).contains(many)),
        "{told:?}"
    );
    assert_eq!((told.alertmanager, told.dedup_keys.len()), ([1, 1], 1));
    crowd.stop();
}

#[test]
#[ignore = "needs redis-server and prometheus-alertmanager; .ci/run installs them"]
fn a_fleet_that_falls_apart_while_an_alert_fires_tells_it_once_more_at_most() {
    let (first, second) = (Redis::start(), Redis::start());
    let proxy = Proxy::to(first.port());
    let people = People::new();
    let settings = [people.settings(&first.url()), people.settings(&proxy.url())];
    let mut crowd = Crowd::start(&settings);
    let mut told = Told::default();
    crowd.answer(&FAILING);
    crowd.until("firing");
    people.wait(&mut told, 0);
    proxy.lead_to(second.port());
    eventually("each half has somebody in charge", || {
        leader(&first).and(leader(&second))
    });
    thread::sleep(INTERVAL * 4);
    crowd.answer(&GOOD);
    people.wait(&mut told, 1);
    people.all(&mut told);
    println!("{told:?}");
    assert!(
        told.slack.iter().all(|many| (1..=2).contains(many)),
        "{told:?}"
    );
    assert!(
        told.pagerduty.iter().all(|many| (1..=2).contains(many)),
        "{told:?}"
    );
    assert_eq!((told.alertmanager, told.dedup_keys.len()), ([1, 1], 1));
    crowd.stop();
}

#[test]
#[ignore = "needs redis-server; .ci/run installs it"]
fn a_slow_signal_of_the_application_keeps_nobody_from_leading() {
    // Longer than the lease, in all instances; and one that hangs, which is in charge.
    for slow in [["1600"; 3], ["3600000", "0", "0"]] {
        let redis = Redis::start();
        let slack = Inbox::answering(200, "ok");
        let settings = Settings::at(&redis.url())
            .with("INTERVAL_MS", &INTERVAL.as_millis().to_string())
            .with("KEEP_MS", "4000")
            .with("WINDOW_MS", "6000")
            .with("SLACK", &slack.url("/services/T0/B0/secret"));
        let settings = slow.map(|slow| settings.clone().with("SLOW_MS", slow));
        let mut crowd = Crowd::start(&settings[..1]);
        // The first one is in charge, whatever it does then.
        eventually("it is in charge", || leader(&redis));
        for (settings, name) in settings[1..].iter().zip(["two", "three"]) {
            crowd.members.push(settings.start(name));
        }
        crowd.answer(&FAILING);
        until_told(&slack);
        crowd.stop();
    }
}

#[test]
#[ignore = "needs redis-server; .ci/run installs it"]
fn a_graceful_end_leaves_no_lease_behind_and_another_one_goes_on() {
    let redis = Redis::start();
    // A lease of a quarter of a minute.
    let slack = Inbox::answering(200, "ok");
    let settings = Settings::at(&redis.url())
        .with("INTERVAL_MS", "20000")
        .with("PENDING_MS", "0")
        .with("WINDOW_MS", "60000")
        .with("SLACK", &slack.url("/services/T0/B0/secret"));
    let mut one = settings.start("one");
    eventually("it is in charge", || leader(&redis));
    let other = settings.start("other");
    let load = Load::on(&one.address, &["/fails/1"], PAUSE);
    until_told(&slack);
    load.stop();
    one.end();
    // It would last for most of the quarter of a minute else.
    let holder: Option<String> = redis.ask(&["GET", &lease_of(&redis)]);
    let instances: Vec<(String, String)> =
        redis.ask(&["HGETALL", redis.keys(":instances").first().unwrap()]);
    let own = instances
        .iter()
        .find(|(_, entry)| entry.contains("\"one\""));
    let (start, entry) = own.unwrap();
    assert!(entry.contains("\"ended\":true"), "{entry}");
    assert_ne!(holder.as_ref(), Some(start));
    goes_on(&redis, &other, &slack);
}

#[test]
#[ignore = "needs redis-server; .ci/run installs it"]
fn a_successor_that_begins_later_goes_on_with_what_was_written() {
    let redis = Redis::start();
    let slack = Inbox::answering(200, "ok");
    let settings = Settings::at(&redis.url())
        .with("INTERVAL_MS", "500")
        .with("PENDING_MS", "0")
        .with("KEEP_MS", "60000")
        .with("WINDOW_MS", "4000")
        .with("SLACK", &slack.url("/services/T0/B0/secret"));
    let mut one = settings.start("one");
    let load = Load::on(&one.address, &["/fails/1"], PAUSE);
    until_told(&slack);
    load.stop();
    // In good order: it is written down that they were.
    one.end();
    let other = settings.start("other");
    // Nobody asks anything of it: it fires on, for as long as it is held.
    goes_on(&redis, &other, &slack);
}

#[test]
#[ignore = "needs redis-server; .ci/run installs it"]
fn a_lease_is_no_longer_than_one_and_a_half_intervals() {
    for (interval, most) in [(200, 300), (1_000, 1_500), (4_000, 3_000)] {
        let redis = Redis::start();
        let settings = Settings::at(&redis.url()).with("INTERVAL_MS", &interval.to_string());
        let member = settings.start("one");
        let left = eventually("it is in charge", || {
            let left: i64 = redis.ask(&["PTTL", redis.keys(":lease").first()?]);
            (left > 0).then_some(left)
        });
        assert!(left <= most, "{left} of {interval}: {}", member.log());
    }
}

/// The key of the lease, also if nobody holds it.
fn lease_of(redis: &Redis) -> String {
    let fence = redis.keys(":fence").pop().unwrap();
    fence.replace(":fence", ":lease")
}

//! The wall clock of one instance, or what somebody wrote, is ahead.

use std::time::Duration;

use super::{world::MINUTE, *};

/// By how many seconds a clock is ahead.
const YEAR: i64 = 365 * 24 * 3_600;

#[test]
fn a_silence_made_by_a_clock_that_is_ahead_ends_when_it_was_asked_to() {
    let mut world = World::new();
    let ahead = world.start(rules(), YEAR, None);
    let other = world.start(rules(), 0, None);
    // It has never reached Redis, which has nothing.
    world.lose_redis();
    world.quarter();
    let silence = NewSilence::of(10 * MINUTE).label("alert", "errors");
    ahead.alerts.silence(silence).unwrap();
    world.find_redis();
    world.minutes(2);
    assert_eq!(other.alerts.silences().len(), 1);
    world.fail(true);
    world.minutes(7);
    assert_eq!(world.told(), []);
    world.minutes(4);
    assert_eq!(other.alerts.silences(), []);
    assert_eq!(world.kinds(), [Firing]);
}

#[test]
fn a_silence_made_by_a_clock_that_is_behind_lasts_as_long_as_it_was_asked_to() {
    let mut world = World::new();
    let behind = world.start(rules(), -YEAR, None);
    let other = world.start(rules(), 0, None);
    let silence = || NewSilence::of(10 * MINUTE).label("alert", "errors");
    behind.lose_redis();
    // Redis knows of silences, so nobody writes again what it has lost.
    let ended = other.alerts.silence(silence()).unwrap();
    assert!(other.alerts.end_silence(ended.id));
    world.quarter();
    let made = behind.alerts.silence(silence()).unwrap();
    world.find_redis();
    world.minutes(2);
    let shared = other.alerts.silences();
    assert_eq!((shared.len(), shared[0].id), (1, made.id));
    let now = Duration::from_millis(world.now.load(SeqCst));
    assert!(shared[0].until().since_1970() > now);
    world.minutes(10);
    assert_eq!(other.alerts.silences(), []);
}

#[test]
fn a_silence_that_somebody_wrote_for_later_begins_now_and_lasts_as_long() {
    let world = World::of(1);
    world.minutes(2);
    let instance = &world.instances[0];
    let silence = NewSilence::of(10 * MINUTE).label("alert", "errors");
    let made = instance.alerts.silence(silence).unwrap();
    let from = made.from().since_1970() + Duration::from_secs(YEAR as u64);
    for json in world.store.lock().silences.values_mut() {
        let mut silence: serde_json::Value = serde_json::from_str(json).unwrap();
        silence["from"] = serde_json::to_value(from).unwrap();
        silence["until"] = serde_json::to_value(from + 10 * MINUTE).unwrap();
        *json = silence.to_string();
    }
    // What it made itself is known to it for one evaluation.
    world.minutes(2);
    let now = Duration::from_millis(world.now.load(SeqCst));
    let until = instance.alerts.silences()[0].until().since_1970();
    assert!(until <= now + 10 * MINUTE, "{until:?} {now:?}");
}

#[test]
fn an_acknowledgement_by_a_clock_that_is_ahead_is_of_no_later_incident() {
    let mut world = World::new();
    let ahead = world.start(rules(), YEAR, None);
    world.start(rules(), 0, None);
    world.lose_redis();
    world.fail(true);
    world.minutes(6);
    assert_eq!(world.kinds(), [Firing, Firing]);
    let fingerprint = ahead.alert("errors").unwrap().fingerprint;
    ahead.alerts.acknowledge(fingerprint, "ada").unwrap();
    world.fail(false);
    world.minutes(10);
    assert_eq!(world.kinds(), [Resolved, Resolved]);
    world.find_redis();
    world.fail(true);
    world.minutes(6);
    assert_eq!(world.kinds(), [Firing]);
}

#[test]
fn an_acknowledgement_by_a_clock_that_is_behind_counts() {
    let mut world = World::new();
    let rules = || [errors("errors").repeat(2 * MINUTE)];
    let behind = world.start(rules(), -YEAR, None);
    let other = world.start(rules(), 0, None);
    behind.lose_redis();
    world.fail(true);
    world.minutes(5);
    let fingerprint = behind.alert("errors").unwrap().fingerprint;
    behind.alerts.acknowledge(fingerprint, "ada").unwrap();
    behind.find(&world.store);
    world.minutes(2);
    let seen = other.alert("errors").unwrap();
    assert_eq!(seen.acknowledged_by.as_deref(), Some("ada"));
    world.told();
    world.minutes(10);
    assert_eq!(world.told(), []);
}

#[test]
fn a_state_file_of_a_clock_that_was_ahead_delays_no_alert() {
    let mut world = World::new();
    let ahead = world.start(rules(), YEAR, None);
    ahead.lose_redis();
    world.fail(true);
    world.minutes(6);
    assert_eq!(world.told(), [(Firing, 0)]);
    ahead.die();
    // Its clock was put right, and Redis has nothing.
    let later = world.start(rules(), 0, Some(&ahead.machine));
    world.fail(true);
    world.minutes(2);
    let alert = later.alert("errors").unwrap();
    let now = Duration::from_millis(world.now.load(SeqCst));
    assert_eq!(alert.state, AlertState::Firing);
    let fired_at = alert.fired_at.unwrap().since_1970();
    assert!(fired_at <= now, "{fired_at:?} {now:?}");
    let other = world.start(rules(), 0, None);
    world.fail(false);
    world.minutes(10);
    assert_eq!(world.told(), [(Resolved, 1)]);
    assert_eq!(state(&other), None);
}

#[test]
fn a_document_of_a_clock_that_was_ahead_delays_no_alert() {
    let world = firing();
    let mut document: serde_json::Value = {
        let json = world.store.lock().document.clone().unwrap();
        serde_json::from_str(&json).unwrap()
    };
    let ahead = |time: &mut serde_json::Value| {
        let secs = time["secs"].as_u64().unwrap();
        time["secs"] = (secs + YEAR as u64).into();
    };
    ahead(&mut document["state"]["at"]);
    ahead(&mut document["told"]["told"]["at"]);
    let alert = &mut document["state"]["alerts"][0]["tracked"];
    ahead(&mut alert["since"]);
    ahead(&mut alert["firing"]["fired_at"]);
    let mut gone = document["state"]["alerts"][0].clone();
    gone["rule"] = "gone".into();
    let unknown = serde_json::json!({"since": document["state"]["at"], "alert": gone});
    document["state"]["unknown"] = vec![unknown].into();
    world.store.lock().document = Some(document.to_string());
    world.instances[0].die();
    world.minutes(4);
    let leader = &world.instances[world.store.lock().lease.unwrap().0 as usize];
    let now = Duration::from_millis(world.now.load(SeqCst));
    let fired_at = leader.alert("errors").unwrap().fired_at.unwrap();
    assert!(fired_at.since_1970() <= now);
    world.fail(false);
    world.minutes(10);
    assert_eq!(world.kinds(), [Resolved]);
    // That of a rule which nobody has ends after a quarter of an hour.
    let left = || {
        let json = world.store.lock().document.clone().unwrap();
        let document: serde_json::Value = serde_json::from_str(&json).unwrap();
        document["state"]["unknown"].as_array().unwrap().len()
    };
    assert_eq!(left(), 1);
    world.minutes(10);
    assert_eq!(left(), 0);
}

#[test]
fn nobody_waits_longer_for_what_a_clock_that_was_ahead_told() {
    let mut world = World::new();
    // It fires and ends again and again: 20 notifications in an hour.
    let flaps = || {
        errors("errors")
            .pending_for(Duration::ZERO)
            .keep_firing_for(2 * 60 * MINUTE)
            .repeat(MINUTE)
    };
    world.start([flaps()], YEAR, None);
    world.fail(true);
    world.minutes(60);
    let first = world.kinds().len();
    assert!((19..=20).contains(&first), "{first}");
    world.minutes(61);
    assert!(world.kinds().len() >= 18);
}

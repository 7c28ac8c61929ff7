//! What instances write down for each other, also those of another version.

use serde_json::{Value, json};

use super::{world::MINUTE, *};

pub(super) fn document(world: &World) -> Value {
    let json = world.store.lock().document.clone().unwrap();
    serde_json::from_str(&json).unwrap()
}

#[test]
fn a_successor_that_knows_nothing_goes_on_with_the_document() {
    let mut world = World::of(1);
    world.minutes(2);
    world.fail(true);
    world.minutes(5);
    assert_eq!(world.told(), [(Firing, 0)]);
    world.instances[0].die();
    world.minutes(1);
    let later = world.start(rules(), 0, None);
    world.fail(true);
    world.quarter();
    assert_eq!(world.store.lock().lease.unwrap().0, 1);
    assert_eq!(state(&later), Some((AlertState::Firing, false)));
    world.minutes(10);
    assert_eq!(world.told(), []);
    world.fail(false);
    world.minutes(10);
    assert_eq!(world.told(), [(Resolved, 1)]);
}

#[test]
fn what_one_told_alone_is_promised_by_no_other() {
    let mut world = World::new();
    for _ in 0..2 {
        let errors = errors("errors").keep_firing_for(std::time::Duration::ZERO);
        world.start([errors], 0, None);
    }
    world.minutes(2);
    world.fail(true);
    world.minutes(5);
    assert_eq!(world.told(), [(Firing, 0)]);
    // Alone, it goes on to tell of it.
    world.lose_redis();
    world.minutes(2);
    world.find_redis();
    world.quarter();
    while world.store.lock().lease.is_none_or(|(by, _)| by != 0) {
        world.quarter();
    }
    let firing = |world: &World| document(world)["state"]["alerts"][0]["tracked"]["firing"].clone();
    let written = firing(&world);
    assert_eq!(written["is_told"], true);
    assert_eq!(written.get("is_own"), None);
    world.fail(false);
    world.minutes(10);
    assert_eq!(world.told(), [(Resolved, 0)]);
}

#[test]
fn silences_are_written_again_to_a_redis_that_is_empty() {
    let mut world = World::of(2);
    world.minutes(2);
    let silence = NewSilence::of(60 * MINUTE).label("alert", "errors");
    let made = world.instances[1].alerts.silence(silence).unwrap();
    world.minutes(2);
    world.store.lose_all();
    world.minutes(2);
    assert_eq!(world.store.lock().silences.len(), 1);
    // All who knew it are gone.
    world.instances.iter().for_each(|one| one.die());
    let later = world.start(rules(), 0, None);
    world.fail(true);
    world.minutes(10);
    assert_eq!(later.alerts.silences(), [made]);
    assert_eq!(world.told(), []);
}

#[test]
fn who_was_alone_shows_no_document_older_than_what_it_knows() {
    let world = World::of(2);
    world.minutes(3);
    let (leader, follower) = (&world.instances[0], &world.instances[1]);
    // The leader hangs, and holds the lease.
    leader.die();
    let hold = || {
        let until = world.now.load(SeqCst) + 600_000;
        world.store.lock().lease = Some((0, std::time::Duration::from_millis(until)));
    };
    hold();
    follower.lose_redis();
    follower.machine.is_failing.store(true, SeqCst);
    world.minutes(8);
    assert_eq!(world.told(), [(Firing, 1)]);
    follower.find(&world.store);
    hold();
    world.minutes(2);
    // Nobody has evaluated since then, so nothing says that it has ended.
    assert_eq!(world.told(), []);
    assert_eq!(
        state(follower).map(|(state, _)| state),
        Some(AlertState::Firing)
    );
}

#[test]
fn an_older_version_hands_on_what_a_later_one_wrote() {
    let world = firing();
    let mut written = document(&world);
    let song = json!({"notes": [1, 2.5, "c"]});
    let fingerprint = world.instances[0].alert("errors").unwrap().fingerprint;
    let fingerprint = fingerprint.to_string();
    let paths = [
        String::new(),
        "/state".to_owned(),
        "/state/alerts/0".to_owned(),
        "/state/alerts/0/tracked".to_owned(),
        "/state/alerts/0/tracked/firing".to_owned(),
        "/state/history/0".to_owned(),
        "/told".to_owned(),
        format!("/told/told/told/{fingerprint}"),
    ];
    for path in &paths {
        let place = written.pointer_mut(path).expect(path);
        place["song"] = song.clone();
    }
    // What it cannot read at all.
    let dozing = json!({"rule": "naps", "labels": {}, "tracked": {"state": "dozing"}});
    let unknown = json!({"since": "yesterday"});
    let past = json!({"name": "naps", "resolve_reason": "woken"});
    let letter =
        json!({"to": ["slack"], "kind": "sung", "at": {"secs": 1_800_000_420, "nanos": 0}});
    let push = |written: &mut Value, path: &str, one: &Value| {
        let list = written.pointer_mut(path).unwrap();
        list.as_array_mut().unwrap().push(one.clone());
    };
    push(&mut written, "/state/alerts", &dozing);
    push(&mut written, "/state/unknown", &unknown);
    push(&mut written, "/state/history", &past);
    push(&mut written, "/told/outbox", &letter);
    written["told"]["told"]["told"]["ffffffffffffffff"] = json!("told twice");
    world.store.lock().document = Some(written.to_string());
    // Others follow it, and one of them leads then.
    world.instances[0].die();
    world.minutes(6);
    let leader = world.store.lock().lease.unwrap().0;
    assert_ne!(leader, 0);
    assert_eq!(world.told(), []);
    let handed_on = document(&world);
    assert_ne!(handed_on["by"], written["by"]);
    let alerts = handed_on["state"]["alerts"].as_array().unwrap();
    let place = alerts
        .iter()
        .position(|one| one["rule"] == "errors")
        .unwrap();
    let history = handed_on["state"]["history"].as_array().unwrap();
    let past_place = history
        .iter()
        .position(|one| one["name"] == "errors")
        .unwrap();
    for path in &paths {
        let path = path.replace("alerts/0", &format!("alerts/{place}"));
        let path = path.replace("history/0", &format!("history/{past_place}"));
        assert_eq!(handed_on.pointer(&path).unwrap()["song"], song, "{path}");
    }
    assert!(alerts.contains(&dozing));
    assert!(history.contains(&past));
    let has = |path: &str, one: &Value| {
        let list = handed_on.pointer(path).unwrap();
        list.as_array().unwrap().contains(one)
    };
    assert!(has("/state/unknown", &unknown));
    assert!(has("/told/outbox", &letter));
    assert_eq!(
        handed_on["told"]["told"]["told"]["ffffffffffffffff"],
        "told twice"
    );
    world.fail(false);
    world.minutes(10);
    assert_eq!(world.told(), [(Resolved, leader)]);
}

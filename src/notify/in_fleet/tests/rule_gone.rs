//! Nobody who evaluates has the rule of an alert any more.

use super::{
    documents::document,
    people::BEGIN,
    world::{QUARTER, calm},
    *,
};

/// So many instances with the rule of the alert, and then so many without it. The alert fires, and the first one told it.
fn firing_with_rule(with: usize, without: usize) -> World {
    let mut world = World::new();
    for _ in 0..with {
        world.start([errors("errors"), calm()], 0, None);
    }
    for _ in 0..without {
        world.start([calm()], 0, None);
    }
    world.minutes(2);
    world.fail(true);
    world.minutes(5);
    assert_eq!(world.told(), [(Firing, 0)]);
    world
}

/// The only instance dies that has the rule of an alert that fires. The next one leads.
fn rule_gone() -> World {
    let world = firing_with_rule(1, 2);
    world.instances[0].die();
    world
}

/// The end of the alert is told, and cannot be written down. Then Redis is gone for five minutes.
fn end_not_written() -> World {
    let undisturbed = rule_gone();
    undisturbed.minutes(20);
    let end = undisturbed.notes.lock().unwrap().pop().unwrap();
    assert_eq!((end.kind, end.by), (Resolved, 1));
    let world = rule_gone();
    let minute = || {
        let next = world.now.load(SeqCst) - BEGIN + QUARTER.as_millis() as u64;
        next as f64 / 60_000.0
    };
    while minute() < end.minute {
        world.quarter();
    }
    assert_eq!(world.told(), []);
    let leader = &world.instances[1].wire;
    leader.refuses_writes.store(true, SeqCst);
    world.quarter();
    assert_eq!(world.told(), [(Resolved, 1)]);
    world.lose_redis();
    leader.refuses_writes.store(false, SeqCst);
    world.minutes(5);
    world
}

#[test]
fn the_end_of_an_alert_without_a_rule_is_told_once_if_it_could_not_be_written() {
    for first in [1, 2] {
        let world = end_not_written();
        world.instances[first].find(&world.store);
        world.minutes(1);
        assert_eq!(world.store.lock().lease.unwrap().0, first as u64);
        world.find_redis();
        world.minutes(40);
        assert_eq!(world.told(), [], "{first}");
    }
}

#[test]
fn the_end_of_an_alert_without_a_rule_is_told_after_an_outage() {
    for first in [1, 2] {
        let world = rule_gone();
        world.minutes(2);
        world.lose_redis();
        world.minutes(20);
        assert_eq!(world.told(), []);
        world.instances[first].find(&world.store);
        world.minutes(1);
        world.find_redis();
        world.minutes(40);
        assert_eq!(world.told(), [(Resolved, first as u64)], "{first}");
    }
}

#[test]
fn the_end_of_an_alert_without_a_rule_is_told_also_if_its_entry_had_no_room() {
    let world = rule_gone();
    let mut written = document(&world);
    written["state"]["history"] = serde_json::json!([]);
    world.store.lock().document = Some(written.to_string());
    // One that is alone has the entry, and hears that it has ended.
    let lonely = &world.instances[2];
    lonely.lose_redis();
    world.minutes(20);
    assert_eq!(world.told(), [(Resolved, 1)]);
    world.instances[1].die();
    world.minutes(2);
    lonely.find(&world.store);
    world.minutes(20);
    assert_eq!(world.told(), []);
}

#[test]
fn an_alert_that_ended_for_one_alone_and_fires_on_has_an_end_without_its_rule() {
    let world = firing_with_rule(2, 1);
    let [first, lonely, other] = [0, 1, 2].map(|at| &world.instances[at]);
    lonely.lose_redis();
    lonely.machine.is_failing.store(false, SeqCst);
    world.minutes(10);
    assert_eq!(state(lonely), None);
    other.lose_redis();
    first.die();
    world.minutes(2);
    lonely.find(&world.store);
    world.minutes(5);
    assert_eq!(state(lonely), Some((AlertState::Firing, false)));
    assert_eq!(world.told(), []);
    lonely.die();
    other.find(&world.store);
    world.minutes(25);
    assert_eq!(world.told(), [(Resolved, 2)]);
}

#[test]
fn an_alert_that_somebody_judged_lately_is_kept_by_one_who_knew_it_long_ago() {
    let world = firing_with_rule(1, 1);
    let lonely = &world.instances[1];
    lonely.lose_redis();
    world.minutes(20);
    world.instances[0].die();
    world.minutes(1);
    lonely.find(&world.store);
    world.minutes(10);
    assert_eq!(world.told(), []);
    world.minutes(10);
    assert_eq!(world.told(), [(Resolved, 1)]);
}

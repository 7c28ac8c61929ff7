//! Plays fleets: leaders die and freeze, and Redis is lost and found.

mod given;
mod shared_store;
mod world;

use std::sync::{Arc, atomic::Ordering::SeqCst};

use self::world::{Instance, World, busy, errors, rules};
use crate::{
    alerts::{AlertState, NewSilence, ResolveReason},
    notify::NotificationKind::{self, Firing, Resolved},
};

/// How people are told of ten minutes of failures, if the leader dies after so many quarters of a minute. Gives what they were told,
/// and after how many minutes.
fn told_if_the_leader_dies(at: Option<u64>, wrong: i64) -> Vec<(NotificationKind, f64)> {
    let mut world = World::new();
    for wrong in [0, wrong, -wrong] {
        world.start(rules(), wrong, None);
    }
    for quarter in 0..120 {
        world.fail((8..48).contains(&quarter));
        world.quarter();
        if at == Some(quarter) {
            world.instances[0].die();
        }
    }
    let notes = world.notes.lock().unwrap();
    let firing: Vec<_> = notes.iter().map(|note| note.fingerprint).collect();
    assert!(firing.iter().all(|one| *one == firing[0]), "one incident");
    notes.iter().map(|note| (note.kind, note.minute)).collect()
}

#[test]
fn a_leader_that_dies_costs_no_notification_and_at_most_two_intervals() {
    let undisturbed = told_if_the_leader_dies(None, 0);
    assert_eq!(undisturbed, [(Firing, 5.25), (Resolved, 16.25)]);
    for (wrong, step) in [(0, 1), (3_600, 7)] {
        for at in (0..120).step_by(step) {
            let told = told_if_the_leader_dies(Some(at), wrong);
            let kinds: Vec<_> = told.iter().map(|(kind, _)| *kind).collect();
            // It dies after it told, and before it wrote that down.
            match at {
                20 => assert_eq!(kinds, [Firing, Firing, Resolved], "{at}"),
                64 => assert_eq!(kinds, [Firing, Resolved, Resolved], "{at}"),
                _ => assert_eq!(kinds, [Firing, Resolved], "{at}"),
            }
            let last = told.last().unwrap().1;
            assert!((5.25..=7.25).contains(&told[0].1), "{at}: {told:?}");
            assert!((16.25..=18.25).contains(&last), "{at}: {told:?}");
        }
    }
}

/// A fleet of three whose alert fires. The first one leads, and people were told.
fn firing() -> World {
    let world = World::of(3);
    world.minutes(2);
    world.fail(true);
    world.minutes(5);
    assert_eq!(world.told(), [(Firing, 0)]);
    world
}

fn state(instance: &Instance) -> Option<(AlertState, bool)> {
    let alert = instance.alert("errors")?;
    Some((alert.state, alert.alone))
}

#[test]
fn a_leader_that_was_frozen_tells_nothing_and_follows() {
    let world = Arc::new(World::of(2));
    world.minutes(2);
    world.fail(true);
    world.minutes(3);
    // It has evaluated, and is frozen before it writes. The other one takes over, and all is well long before it wakes.
    let frozen = {
        let world = Arc::clone(&world);
        move || {
            let other = &world.instances[1];
            for quarter in 0..80 {
                world.fail(quarter < 20);
                world.now.fetch_add(15_000, SeqCst);
                if other.is_due() || other.alerting.look() {
                    other.evaluate();
                }
            }
        }
    };
    world.now.fetch_add(15_000, SeqCst);
    *world.instances[0].wire.frozen.lock().unwrap() = Some(Box::new(frozen));
    world.instances[0].evaluate();
    assert_eq!(world.told(), [(Firing, 1), (Resolved, 1)]);
    assert_eq!(world.store.lock().lease.unwrap().0, 1);
    world.minutes(30);
    assert_eq!(world.told(), []);
    assert_eq!(state(&world.instances[0]), None);
    // It follows, and can lead again.
    world.instances[1].die();
    world.fail(true);
    world.minutes(8);
    assert_eq!(world.told(), [(Firing, 0)]);
}

#[test]
fn without_redis_each_goes_on_alone_and_what_fires_is_not_told_again() {
    let world = firing();
    world.lose_redis();
    world.minutes(10);
    for one in &world.instances {
        assert_eq!(state(one), Some((AlertState::Firing, true)));
    }
    assert_eq!(world.told(), []);
    // It ends: who told of it tells that, and nobody else.
    world.fail(false);
    world.minutes(10);
    assert_eq!(world.told(), [(Resolved, 0)]);
    // What begins now is seen by each, and each says that it is alone.
    world.fail(true);
    world.minutes(5);
    let notes = world.notes.lock().unwrap().clone();
    let by: Vec<_> = notes.iter().map(|note| (note.by, note.kind)).collect();
    assert_eq!(by, [(0, Firing), (1, Firing), (2, Firing)]);
    assert!(notes.iter().all(|note| note.alone));
    assert!(
        notes
            .iter()
            .all(|note| note.fingerprint == notes[0].fingerprint)
    );
    world.told();

    // Redis is back: there is one alert again, and one end of it.
    world.find_redis();
    world.minutes(5);
    assert_eq!(world.told(), []);
    for one in &world.instances {
        assert_eq!(state(one), Some((AlertState::Firing, false)));
    }
    world.fail(false);
    world.minutes(10);
    assert_eq!(world.kinds(), [Resolved]);
}

#[test]
fn one_that_was_alone_tells_the_end_of_what_it_told() {
    let world = World::of(3);
    world.minutes(3);
    // Only its own requests fail, which the fleet does not notice.
    let lonely = &world.instances[2];
    lonely.lose_redis();
    lonely.machine.is_failing.store(true, SeqCst);
    world.minutes(8);
    assert_eq!(world.told(), [(Firing, 2)]);
    lonely.find(&world.store);
    world.minutes(2);
    assert_eq!(world.told(), [(Resolved, 2)]);
    assert_eq!(state(lonely), None);
    world.minutes(10);
    assert_eq!(world.told(), []);
}

#[test]
fn an_end_that_comes_while_redis_is_gone_and_the_leader_dead_is_told_when_it_is_back() {
    for loses_all in [false, true] {
        let world = firing();
        world.instances[0].die();
        world.lose_redis();
        world.fail(false);
        world.minutes(20);
        assert_eq!(world.told(), []);
        if loses_all {
            world.store.lose_all();
        }
        world.find_redis();
        world.minutes(10);
        assert_eq!(world.kinds(), [Resolved], "{loses_all}");
    }
}

#[test]
fn a_redis_that_is_empty_is_filled_again() {
    let world = firing();
    world.store.lose_all();
    world.minutes(4);
    assert_eq!(world.told(), []);
    assert!(world.store.lock().document.is_some());
    // Now the one that wrote it again dies, too.
    let leader = world.store.lock().lease.unwrap().0;
    world.instances[leader as usize].die();
    world.minutes(4);
    assert_eq!(world.told(), []);
    world.fail(false);
    world.minutes(10);
    assert_eq!(world.kinds(), [Resolved]);
}

#[test]
fn a_redis_that_takes_no_writes_costs_no_notification() {
    let world = World::of(2);
    world.minutes(2);
    for one in &world.instances {
        one.wire.refuses_writes.store(true, SeqCst);
    }
    world.fail(true);
    world.minutes(8);
    assert_eq!(world.told(), [(Firing, 0)]);
    for one in &world.instances {
        one.wire.refuses_writes.store(false, SeqCst);
    }
    world.minutes(4);
    assert_eq!(world.told(), []);
    world.fail(false);
    world.minutes(10);
    assert_eq!(world.told(), [(Resolved, 0)]);
}

#[test]
fn two_halves_that_do_not_see_each_other_tell_once_more_at_most() {
    // They are parted before it fires, and while it fires.
    for parted_at in [0, 5] {
        let world = World::of(4);
        world.minutes(2);
        let other = Arc::default();
        let part = |world: &World| {
            for one in &world.instances[2..] {
                one.find(&other);
            }
        };
        world.fail(true);
        other.lock().is_failing = true;
        for minute in 0..10 {
            if minute == parted_at {
                part(&world);
            }
            world.minutes(1);
        }
        let begins = world.kinds();
        assert!((1..=2).contains(&begins.len()), "{begins:?}");
        assert!(begins.iter().all(|kind| *kind == Firing));
        // They meet again while it fires.
        world.find_redis();
        world.minutes(3);
        assert_eq!(world.told(), []);
        world.fail(false);
        world.minutes(10);
        assert_eq!(world.kinds(), [Resolved], "{parted_at}");
    }
}

#[test]
fn an_instance_without_a_rule_keeps_its_alert_for_a_quarter_of_an_hour() {
    let begin = || {
        let mut world = World::new();
        world.start(rules(), 0, None);
        world.start([busy()], 0, None);
        world.minutes(2);
        world.fail(true);
        world.minutes(5);
        assert_eq!(world.told(), [(Firing, 0)]);
        world.instances[0].die();
        world.minutes(10);
        assert_eq!(world.told(), []);
        world
    };
    // Another instance of the older version goes on with it.
    let mut world = begin();
    world.start(rules(), 0, None);
    world.instances[1].die();
    world.minutes(10);
    assert_eq!(world.told(), []);
    assert_eq!(
        state(&world.instances[2]),
        Some((AlertState::Firing, false))
    );
    world.fail(false);
    world.minutes(10);
    assert_eq!(world.told(), [(Resolved, 2)]);

    // Nobody has the rule any more.
    let world = begin();
    world.minutes(10);
    assert_eq!(world.told(), [(Resolved, 1)]);
    let history = world.instances[1].alerts.history(world::MINUTE * 60);
    assert_eq!(history[0].resolve_reason, Some(ResolveReason::RuleRemoved));
}

#[test]
fn a_silence_made_at_any_instance_acts_at_the_leader() {
    let world = World::of(3);
    world.minutes(2);
    let follower = &world.instances[2];
    let silence = || NewSilence::of(60 * world::MINUTE).label("alert", "errors");
    let made = follower.alerts.silence(silence()).unwrap();
    world.fail(true);
    world.minutes(8);
    assert_eq!(world.told(), []);
    for one in &world.instances {
        assert_eq!(one.alerts.silences(), [made.clone()]);
    }
    let next = world.instances[1].alerts.silence(silence()).unwrap();
    assert!(next.id > made.id);
    // It is ended at one that did not make it.
    assert!(world.instances[1].alerts.end_silence(made.id));
    assert!(world.instances[0].alerts.end_silence(next.id));
    world.minutes(1);
    assert_eq!(world.told(), [(Firing, 0)]);
    world.minutes(1);
    for one in &world.instances {
        assert_eq!(one.alerts.silences(), []);
    }
}

#[test]
fn a_silence_made_without_redis_acts_there_and_is_shared_later() {
    let world = World::of(3);
    world.minutes(2);
    world.lose_redis();
    let silence = || NewSilence::of(60 * world::MINUTE).label("alert", "errors");
    let made: Vec<_> = world
        .instances
        .iter()
        .map(|one| one.alerts.silence(silence()).unwrap())
        .collect();
    world.fail(true);
    world.minutes(8);
    assert_eq!(world.told(), []);
    world.find_redis();
    world.minutes(3);
    for one in &world.instances {
        let mut all = one.alerts.silences();
        all.sort_by_key(|one| made.iter().position(|made| made.id == one.id));
        assert_eq!(all, made);
    }
    // All of Redis' data are lost, and the silences stay.
    world.store.lose_all();
    world.minutes(3);
    for one in &world.instances {
        assert_eq!(one.alerts.silences().len(), 3);
    }
    assert_eq!(world.told(), []);
}

#[test]
fn an_alert_is_acknowledged_at_any_instance() {
    let mut world = World::new();
    let rules = || [errors("errors").repeat(2 * world::MINUTE)];
    (0..3).for_each(|_| _ = world.start(rules(), 0, None));
    world.minutes(2);
    world.fail(true);
    world.minutes(5);
    assert_eq!(world.told(), [(Firing, 0)]);
    let fingerprint = world.instances[2].alert("errors").unwrap().fingerprint;
    world.instances[2]
        .alerts
        .acknowledge(fingerprint, "ada")
        .unwrap();
    world.minutes(10);
    assert_eq!(world.told(), []);
    for one in &world.instances {
        let by = one.alert("errors").unwrap().acknowledged_by;
        assert_eq!(by.as_deref(), Some("ada"));
    }
    // A successor knows it, and the next incident does not.
    world.instances[0].die();
    world.minutes(10);
    assert_eq!(world.told(), []);
    world.fail(false);
    world.minutes(10);
    assert_eq!(world.kinds(), [Resolved]);
    world.fail(true);
    world.minutes(6);
    assert_eq!(world.kinds(), [Firing, NotificationKind::Repeated]);
}

#[test]
fn rules_of_each_instance_have_alerts_of_each() {
    let world = World::of(2);
    world.minutes(2);
    for one in &world.instances {
        one.machine.in_flight.store(20, SeqCst);
    }
    world.minutes(1);
    assert_eq!(world.told(), [(Firing, 0), (Firing, 1)]);
    let [one, other] = [0, 1].map(|at| world.instances[at].alert("busy").unwrap());
    assert_eq!(one.labels["instance"], "shop-0");
    assert_eq!(other.labels["instance"], "shop-1");
    assert_ne!(one.fingerprint, other.fingerprint);
    // They do not need Redis.
    world.lose_redis();
    world.instances[1].machine.in_flight.store(0, SeqCst);
    world.minutes(1);
    assert_eq!(world.told(), [(Resolved, 1)]);
    assert!(!world.instances[0].alert("busy").unwrap().alone);
}

#[test]
fn who_follows_says_when_nobody_evaluates() {
    let world = World::of(2);
    world.minutes(3);
    let [leader, follower] = [&world.instances[0], &world.instances[1]];
    assert_eq!(follower.alerting.missing_for(), None);
    // It holds the lease, and evaluates no more.
    leader.die();
    for _ in 0..16 {
        let until = world.now.load(SeqCst) + 60_000;
        world.store.lock().lease = Some((0, std::time::Duration::from_millis(until)));
        world.quarter();
    }
    let missing = follower.alerting.missing_for().unwrap();
    assert!(missing >= 3 * world::MINUTE, "{missing:?}");
    world.minutes(2);
    assert_eq!(follower.alerting.missing_for(), None);
}

#[test]
fn a_state_file_goes_on_in_a_fleet_that_is_out_of_reach() {
    let mut world = firing();
    world.lose_redis();
    world.minutes(2);
    let before = Arc::clone(&world.instances[0]);
    before.die();
    // An hour is wrong on the clock of the machine after its restart.
    let later = world.start(rules(), -3_600, Some(&before.machine));
    later.lose_redis();
    world.fail(true);
    world.minutes(4);
    assert_eq!(state(&later), Some((AlertState::Firing, true)));
    assert_eq!(world.told(), []);
    world.find_redis();
    world.minutes(4);
    assert_eq!(world.told(), []);
    world.fail(false);
    world.minutes(10);
    assert_eq!(world.kinds(), [Resolved]);
}

#[test]
fn those_who_take_the_state_hear_of_the_fleet_from_its_leader_alone() {
    let world = firing();
    world.states.lock().unwrap().clear();
    world.instances[1].machine.in_flight.store(20, SeqCst);
    world.minutes(2);
    world.instances[0].die();
    world.minutes(4);
    let states = world.states.lock().unwrap().clone();
    let by = |name: &str| {
        let of_name = states.iter().filter(|note| note.name == name);
        let mut by: Vec<_> = of_name.map(|note| note.by).collect();
        by.dedup();
        by
    };
    assert_eq!(by("busy"), [1]);
    let leaders = by("errors");
    assert_eq!((leaders[0], leaders.len()), (0, 2));
    assert!(states.iter().all(|note| note.kind == Firing));
}

#[test]
fn what_was_decided_and_not_told_is_told_by_the_successor() {
    let world = World::of(2);
    world.minutes(2);
    world.fail(true);
    world.minutes(3);
    world.now.fetch_add(15_000, SeqCst);
    // It dies after it wrote down that the alert fires, and before it tells.
    let leader = &world.instances[0];
    let is_dead = Arc::clone(&leader.is_dead);
    let dies = move || is_dead.store(true, SeqCst);
    *leader.wire.frozen.lock().unwrap() = Some(Box::new(dies));
    leader.evaluate();
    assert_eq!(world.told(), []);
    world.minutes(5);
    assert_eq!(world.told(), [(Firing, 1)]);
    world.fail(false);
    world.minutes(10);
    assert_eq!(world.told(), [(Resolved, 1)]);
}

#[test]
fn a_lease_that_is_lost_before_the_write_loses_no_notification() {
    let world = World::of(2);
    world.minutes(2);
    world.fail(true);
    world.minutes(3);
    world.now.fetch_add(15_000, SeqCst);
    // All data of Redis are lost while the leader evaluates that the alert fires.
    let store = Arc::clone(&world.store);
    let loses = move || store.lose_all();
    *world.instances[0].wire.frozen.lock().unwrap() = Some(Box::new(loses));
    world.instances[0].evaluate();
    assert_eq!(world.told(), []);
    world.minutes(3);
    assert_eq!(world.kinds(), [Firing]);
    world.fail(false);
    world.minutes(10);
    assert_eq!(world.kinds(), [Resolved]);
}

#[test]
fn a_redis_that_is_gone_for_one_evaluation_makes_nobody_alone_who_follows() {
    let world = World::of(3);
    world.minutes(2);
    world.fail(true);
    world.minutes(3);
    // At its next evaluation the alert would fire in each instance.
    world.lose_redis();
    world.minutes(1);
    world.find_redis();
    assert_eq!(world.told(), [(Firing, 0)]);
    world.minutes(5);
    assert_eq!(world.told(), []);
    for one in &world.instances {
        assert_eq!(state(one), Some((AlertState::Firing, false)));
    }
}

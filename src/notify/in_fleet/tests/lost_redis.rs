//! Redis is gone, empty, or there are two.

use super::*;

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
    let lonely = one_fires_alone(&world);
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
fn an_end_is_told_also_if_redis_comes_back_as_it_was_before_the_alert() {
    let world = World::of(3);
    world.minutes(2);
    let before = world.store.lock().document.clone();
    world.fail(true);
    world.minutes(5);
    assert_eq!(world.told(), [(Firing, 0)]);
    world.instances[0].die();
    world.lose_redis();
    world.fail(false);
    world.minutes(20);
    world.store.lock().document = before;
    world.find_redis();
    world.minutes(10);
    assert_eq!(world.kinds(), [Resolved]);
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
fn what_ended_while_redis_takes_no_writes_does_not_come_back() {
    let world = World::of(2);
    world.fail(true);
    world.minutes(8);
    assert_eq!(world.told(), [(Firing, 0)]);
    let refuse = |refuses| {
        for one in &world.instances {
            one.wire.refuses_writes.store(refuses, SeqCst);
        }
    };
    refuse(true);
    world.fail(false);
    world.minutes(10);
    assert_eq!(world.told(), [(Resolved, 0)]);
    world.minutes(30);
    assert_eq!(world.told(), []);
    assert!(world.instances[0].alert("errors").is_none());
    refuse(false);
    world.minutes(10);
    assert_eq!(world.told(), []);
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

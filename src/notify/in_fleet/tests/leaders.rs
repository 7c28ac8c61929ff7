//! Leaders die, freeze and follow each other.

use super::*;

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
fn an_instance_without_a_rule_keeps_its_alert_for_a_quarter_of_an_hour() {
    let begin = || {
        let mut world = World::new();
        world.start(rules(), 0, None);
        world.start([world::calm()], 0, None);
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
fn who_has_no_rule_of_the_fleet_is_never_in_charge_of_them() {
    let mut world = World::new();
    world.start([busy()], 0, None);
    world.minutes(3);
    world.start(rules(), 0, None);
    world.minutes(2);
    world.fail(true);
    world.minutes(6);
    assert_eq!(world.told(), [(Firing, 1)]);
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
fn what_is_decided_after_the_end_of_notifications_is_left_to_a_successor() {
    let world = World::of(2);
    world.minutes(2);
    world.fail(true);
    world.minutes(2);
    // It takes no notification any more, and leads for a while.
    world.instances[0].end_notifications();
    world.minutes(3);
    assert_eq!(world.told(), []);
    assert_eq!(world.store.lock().lease.unwrap().0, 0);
    world.instances[0].die();
    world.minutes(3);
    assert_eq!(world.told(), [(Firing, 1)]);
}

#[test]
fn a_silenced_alert_that_was_told_does_not_end_where_a_successor_tells_the_state() {
    let world = firing();
    let silence = NewSilence::of(60 * world::MINUTE).label("alert", "errors");
    world.instances[1].alerts.silence(silence).unwrap();
    world.minutes(2);
    world.instances[0].die();
    world.minutes(3);
    world.states.lock().unwrap().clear();
    world.minutes(1);
    let states = world.states.lock().unwrap();
    assert_eq!(states.len(), 1);
    assert_eq!((states[0].by, states[0].kind), (1, Firing));
}

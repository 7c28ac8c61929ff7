//! Instances were alone, and meet again.

use super::{world::MINUTE, *};

/// Redis is back, first for the instance with this number: it takes the lease.
pub(super) fn find_first(world: &World, first: usize) {
    world.instances[first].find(&world.store);
    world.minutes(1);
    assert_eq!(world.store.lock().lease.unwrap().0, first as u64);
    world.find_redis();
}

/// With a rule whose alert is held for so long.
fn held_for(count: usize, held: std::time::Duration) -> World {
    let mut world = World::new();
    for _ in 0..count {
        let errors = errors("errors").keep_firing_for(held);
        world.start([errors, busy()], 0, None);
    }
    world.minutes(2);
    world.fail(true);
    world.minutes(5);
    assert_eq!(world.told(), [(Firing, 0)]);
    world
}

#[test]
fn an_end_that_was_told_alone_is_told_once_whoever_leads_then() {
    for held in [std::time::Duration::ZERO, 4 * MINUTE] {
        for first in [0, 1] {
            let world = held_for(3, held);
            world.lose_redis();
            world.fail(false);
            world.minutes(10);
            assert_eq!(world.told(), [(Resolved, 0)]);
            find_first(&world, first);
            world.minutes(10);
            assert_eq!(world.told(), [], "{held:?} {first}");
            let states = world.states.lock().unwrap();
            let of_other = states
                .iter()
                .filter(|note| note.name == "errors" && note.by == 1);
            assert_eq!(of_other.count(), 0, "{held:?} {first}");
            drop(states);
            for one in &world.instances {
                assert_eq!(state(one), None);
            }
            // The next incident is a new one.
            world.fail(true);
            world.minutes(5);
            assert_eq!(world.told(), [(Firing, first as u64)]);
        }
    }
}

#[test]
fn an_end_that_was_told_alone_is_told_once_also_if_redis_lost_all() {
    let world = held_for(3, std::time::Duration::ZERO);
    world.lose_redis();
    world.fail(false);
    world.minutes(10);
    assert_eq!(world.told(), [(Resolved, 0)]);
    world.store.lose_all();
    find_first(&world, 1);
    world.minutes(10);
    assert_eq!(world.told(), []);
    assert_eq!(state(&world.instances[1]), None);
}

#[test]
fn an_end_that_was_told_alone_is_told_once_also_if_the_next_leader_dies_at_once() {
    let world = held_for(3, std::time::Duration::ZERO);
    world.lose_redis();
    world.fail(false);
    world.minutes(10);
    assert_eq!(world.told(), [(Resolved, 0)]);
    find_first(&world, 1);
    for one in [0, 2] {
        world.instances[one].lose_redis();
    }
    world.instances[1].die();
    world.instances[2].find(&world.store);
    while world.store.lock().lease.is_none_or(|(by, _)| by != 2) {
        world.quarter();
    }
    // Only now it can say what it told.
    world.instances[0].find(&world.store);
    world.minutes(10);
    assert_eq!(world.told(), []);
    assert_eq!(state(&world.instances[2]), None);
}

#[test]
fn what_ended_for_one_alone_and_fires_for_all_is_told_anew() {
    for first in [0, 1] {
        let world = firing();
        world.lose_redis();
        // Only the requests of the leader are well.
        world.instances[0].machine.is_failing.store(false, SeqCst);
        world.minutes(10);
        assert_eq!(world.told(), [(Resolved, 0)]);
        find_first(&world, first);
        world.minutes(5);
        assert_eq!(world.told(), [(Firing, first as u64)]);
        world.fail(false);
        world.minutes(10);
        assert_eq!(world.told(), [(Resolved, first as u64)]);
    }
}

#[test]
fn who_acknowledged_what_ended_for_one_alone_hears_that_it_fires_for_all() {
    let world = firing();
    let fingerprint = world.instances[0].alert("errors").unwrap().fingerprint;
    let leader = &world.instances[0].alerts;
    leader.acknowledge(fingerprint, "ada").unwrap();
    world.minutes(1);
    world.lose_redis();
    world.instances[0].machine.is_failing.store(false, SeqCst);
    world.minutes(10);
    assert_eq!(world.told(), [(Resolved, 0)]);
    find_first(&world, 1);
    world.minutes(3);
    assert_eq!(world.told(), [(Firing, 1)]);
}

#[test]
fn what_ended_and_began_again_for_one_alone_is_one_alert_with_one_end() {
    let world = firing();
    world.lose_redis();
    world.fail(false);
    world.minutes(10);
    world.instances[0].machine.is_failing.store(true, SeqCst);
    world.minutes(5);
    assert_eq!(world.told(), [(Resolved, 0), (Firing, 0)]);
    find_first(&world, 1);
    world.minutes(10);
    assert_eq!(world.kinds(), [Resolved]);
}

#[test]
fn an_end_that_could_not_be_noted_is_told_once_also_if_who_told_it_leads_again() {
    let world = held_for(2, std::time::Duration::ZERO);
    world.lose_redis();
    world.fail(false);
    world.minutes(10);
    assert_eq!(world.told(), [(Resolved, 0)]);
    // The other one leads, and dies before it can hear of that.
    let [first, other] = [0, 1].map(|at| &world.instances[at]);
    first.wire.refuses_notes.store(true, SeqCst);
    other.find(&world.store);
    world.quarter();
    assert_eq!(state(other), Some((AlertState::Firing, false)));
    first.find(&world.store);
    world.quarter();
    assert_eq!(state(first), Some((AlertState::Firing, false)));
    other.die();
    world.minutes(5);
    assert_eq!(world.store.lock().lease.unwrap().0, 0);
    assert_eq!(world.told(), []);
    assert_eq!(state(first), None);
}

#[test]
fn an_end_that_was_decided_and_not_written_was_told_to_nobody() {
    let world = Arc::new(held_for(2, std::time::Duration::ZERO));
    // The leader finds that all is well, and is frozen before it writes that. The other one sees failures again.
    let frozen = {
        let world = Arc::clone(&world);
        move || {
            world.fail(true);
            let other = &world.instances[1];
            for _ in 0..8 {
                world.now.fetch_add(15_000, SeqCst);
                if other.is_due() || other.alerting.look() {
                    other.evaluate();
                }
            }
        }
    };
    world.fail(false);
    world.now.fetch_add(60_000, SeqCst);
    *world.instances[0].wire.frozen.lock().unwrap() = Some(Box::new(frozen));
    world.instances[0].evaluate();
    assert_eq!(world.store.lock().lease.unwrap().0, 1);
    world.minutes(5);
    assert_eq!(world.told(), []);
    world.fail(false);
    world.minutes(3);
    assert_eq!(world.told(), [(Resolved, 1)]);
}

/// At which minutes a fleet is told that an alert fires, if one that is well alone is back after so many minutes.
fn told_of_two(back: u64) -> Vec<f64> {
    let mut world = World::new();
    for _ in 0..2 {
        world.start([errors("errors").repeat(2 * MINUTE)], 0, None);
    }
    world.minutes(2);
    world.fail(true);
    world.minutes(5);
    assert_eq!(world.told(), [(Firing, 0)]);
    world.instances[0].lose_redis();
    world.instances[0].machine.is_failing.store(false, SeqCst);
    world.minutes(back);
    world.instances[0].find(&world.store);
    world.minutes(24 - back);
    let notes = world.notes.lock().unwrap();
    let ends = notes.iter().filter(|note| note.kind == Resolved);
    assert_eq!(ends.map(|note| note.by).collect::<Vec<_>>(), [0]);
    let others = notes.iter().filter(|note| note.kind != Resolved);
    others.map(|note| note.minute).collect()
}

#[test]
fn an_end_counts_no_more_where_somebody_was_told_later_that_it_fires() {
    for back in [12, 13] {
        let minutes = told_of_two(back);
        assert!(minutes.len() >= 10, "{minutes:?}");
        let mut apart = minutes.windows(2).skip(1);
        assert!(apart.all(|two| two[1] - two[0] == 2.0), "{minutes:?}");
    }
}

/// How an alert of two instances is told, if the leader gets no answer at the evaluations of these minutes. Only the requests of
/// others fail.
fn told_without_answers(at: &[u64]) -> Vec<(NotificationKind, f64)> {
    let world = World::of(2);
    world.minutes(2);
    world.store.lock().is_failing = true;
    for minute in 0..15 {
        let is_lost = at.contains(&minute);
        for _ in 0..4 {
            if is_lost && world.instances[0].is_due_next() {
                world.instances[0].lose_redis();
            }
            world.quarter();
            world.instances[0].find(&world.store);
        }
    }
    let notes = world.notes.lock().unwrap();
    notes.iter().map(|note| (note.kind, note.minute)).collect()
}

#[test]
fn a_pending_alert_keeps_its_age_while_its_leader_gets_no_answer() {
    let undisturbed = told_without_answers(&[]);
    assert_eq!(undisturbed, [(Firing, 5.25)]);
    for at in [&[1][..], &[2], &[1, 2]] {
        assert_eq!(told_without_answers(at), undisturbed, "{at:?}");
    }
    // The answers that would have made it fire.
    assert_eq!(told_without_answers(&[3]), [(Firing, 6.25)]);
}

#[test]
fn a_pending_alert_begins_anew_after_a_time_of_which_nobody_knows() {
    let world = World::of(2);
    world.minutes(2);
    world.store.lock().is_failing = true;
    world.minutes(2);
    world.lose_redis();
    world.minutes(5);
    world.find_redis();
    world.minutes(2);
    assert_eq!(world.told(), []);
    world.minutes(3);
    assert_eq!(world.kinds(), [Firing]);
}

#[test]
fn what_was_well_together_is_not_pending_again_after_a_write_that_failed() {
    let world = World::of(1);
    world.minutes(2);
    world.fail(true);
    world.minutes(2);
    // It was pending in the document, and is well since.
    world.instances[0].wire.refuses_writes.store(true, SeqCst);
    world.fail(false);
    world.minutes(1);
    assert_eq!(state(&world.instances[0]), None);
    world.instances[0].wire.refuses_writes.store(false, SeqCst);
    world.fail(true);
    world.minutes(3);
    assert_eq!(world.told(), []);
    world.minutes(1);
    assert_eq!(world.told(), [(Firing, 0)]);
}

#[test]
fn what_ended_for_all_while_one_was_alone_is_told_anew_if_it_fires_on() {
    for fails in [true, false] {
        let world = firing();
        let lonely = &world.instances[1];
        lonely.lose_redis();
        world.fail(false);
        lonely.machine.is_failing.store(true, SeqCst);
        world.minutes(10);
        assert_eq!(world.told(), [(Resolved, 0)]);
        world.instances[0].die();
        world.instances[2].die();
        // What it knows is newer then.
        world.minutes(2);
        world.fail(fails);
        lonely.find(&world.store);
        world.minutes(10);
        let expected: &[_] = if fails { &[(Firing, 1)] } else { &[] };
        assert_eq!(world.told(), expected, "{fails}");
    }
}

#[test]
fn an_end_that_was_told_alone_is_told_once_also_if_who_told_it_leads_by_what_another_wrote() {
    let world = held_for(2, 10 * MINUTE);
    let [lonely, leader] = [0, 1].map(|at| &world.instances[at]);
    lonely.lose_redis();
    // The other one leads by the numbers of all, by which the alert fires on.
    lonely.machine.is_failing.store(false, SeqCst);
    world.minutes(15);
    assert_eq!(world.told(), [(Resolved, 0)]);
    assert_eq!(world.store.lock().lease.unwrap().0, 1);
    // It writes last, and dies. Redis is back when its lease is over.
    lonely.evaluate();
    leader.evaluate();
    leader.die();
    world.fail(false);
    (0..3).for_each(|_| world.quarter());
    lonely.find(&world.store);
    world.minutes(30);
    assert_eq!(world.store.lock().lease.unwrap().0, 0);
    assert_eq!(world.told(), []);
    assert_eq!(state(lonely), None);
}

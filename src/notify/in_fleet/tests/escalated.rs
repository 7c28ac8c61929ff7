//! An alert that nobody acknowledges is escalated, whoever leads.

use super::{world::MINUTE, *};
use crate::notify::NotificationKind::{Escalated, Repeated};

/// A fleet of two whose alert fires, and is told every 20 minutes. Somebody is called after this time.
fn firing_and_called_after(after: u32) -> World {
    let mut world = World::new();
    world.calls_after = Some(after * MINUTE);
    for _ in 0..2 {
        world.start([errors("errors").repeat(20 * MINUTE)], 0, None);
    }
    world.minutes(2);
    world.fail(true);
    world.minutes(7);
    assert_eq!(world.told(), [(Firing, 0)]);
    world
}

/// The leader dies while Redis is gone, and the other one leads after it was alone for ten minutes.
fn lead_after_an_outage(world: &World) {
    world.lose_redis();
    world.minutes(2);
    world.instances[0].die();
    world.minutes(8);
    assert_eq!((world.told(), world.called()), (vec![], vec![]));
    world.find_redis();
    world.minutes(2);
    assert_eq!(world.store.lock().lease.unwrap().0, 1);
}

#[test]
fn who_was_called_before_an_outage_of_redis_hears_the_end_from_another_leader() {
    let world = firing_and_called_after(1);
    assert_eq!(world.called(), [(Escalated, 0)]);
    lead_after_an_outage(&world);
    world.fail(false);
    world.minutes(8);
    assert_eq!(world.told(), [(Resolved, 1)]);
    assert_eq!(world.called(), [(Resolved, 1)]);
}

#[test]
fn what_fires_for_long_is_escalated_once_and_repeated_by_another_leader_after_an_outage() {
    let world = firing_and_called_after(15);
    assert_eq!(world.called(), []);
    lead_after_an_outage(&world);
    world.minutes(8);
    assert_eq!(world.told(), [(Repeated, 1)]);
    assert_eq!(world.called(), [(Escalated, 1), (Repeated, 1)]);
}

#[test]
fn what_ended_for_one_alone_and_fires_for_all_is_escalated_anew() {
    let world = firing_and_called_after(1);
    assert_eq!(world.called(), [(Escalated, 0)]);
    world.lose_redis();
    // Only the requests of the leader are well.
    world.instances[0].machine.is_failing.store(false, SeqCst);
    // Longer than what was told counts.
    world.minutes(70);
    let of_leader = |told: Vec<_>| told.into_iter().filter(|(_, by)| *by == 0).collect();
    let ends: Vec<_> = of_leader(world.told());
    assert_eq!(ends, [(Resolved, 0)]);
    world.called();
    world.instances[1].find(&world.store);
    world.minutes(1);
    world.find_redis();
    world.minutes(4);
    assert_eq!(world.told(), [(Firing, 1)]);
    assert_eq!(world.called(), [(Escalated, 1)]);
}

#[test]
fn who_was_called_by_one_that_was_alone_hears_the_end_from_it() {
    let mut world = World::new();
    world.calls_after = Some(MINUTE);
    for _ in 0..3 {
        world.start([errors("errors")], 0, None);
    }
    world.minutes(3);
    let lonely = one_fires_alone(&world);
    assert_eq!(world.called(), [(Escalated, 2)]);
    lonely.find(&world.store);
    world.minutes(2);
    assert_eq!(world.told(), [(Resolved, 2)]);
    assert_eq!(world.called(), [(Resolved, 2)]);
}

#[test]
fn what_somebody_acknowledged_is_not_told_again_by_one_that_was_cut_off_and_leads() {
    for comes_after in [0, 3] {
        let world = firing_and_called_after(15);
        let [leader, lonely] = [0, 1].map(|at| &world.instances[at]);
        lonely.lose_redis();
        world.minutes(comes_after);
        let fingerprint = leader.alert("errors").unwrap().fingerprint;
        leader.alerts.acknowledge(fingerprint, "ada").unwrap();
        world.minutes(1);
        leader.die();
        // What it knows itself is newer then.
        world.minutes(3);
        lonely.find(&world.store);
        world.minutes(60);
        assert_eq!(world.store.lock().lease.unwrap().0, 1);
        let alert = lonely.alert("errors").unwrap();
        assert_eq!(alert.acknowledged_by.as_deref(), Some("ada"));
        assert_eq!((world.told(), world.called()), (vec![], vec![]));
        world.fail(false);
        world.minutes(8);
        assert_eq!(world.told(), [(Resolved, 1)]);
    }
}

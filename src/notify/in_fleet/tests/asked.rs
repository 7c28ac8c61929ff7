//! What people ask of one instance acts in all.

use super::*;

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

//! Instances are restarted while Redis is away, or into a fleet and out of it.

use super::{reconciled::find_first, world::MINUTE, *};

/// The instance with this number dies, and another one goes on with what it kept. Its own requests fail or not, as before.
fn restart(world: &mut World, number: usize) -> Arc<Instance> {
    let before = Arc::clone(&world.instances[number]);
    before.die();
    let after = world.start(rules(), 0, Some(&before.machine));
    let is_failing = before.machine.is_failing.load(SeqCst);
    after.machine.is_failing.store(is_failing, SeqCst);
    after
}

#[test]
fn an_end_that_was_told_alone_is_told_once_also_after_a_restart() {
    for first in [1, 3] {
        let mut world = firing();
        world.lose_redis();
        world.fail(false);
        world.minutes(10);
        assert_eq!(world.told(), [(Resolved, 0)]);
        let after = restart(&mut world, 0);
        after.lose_redis();
        world.minutes(3);
        find_first(&world, first);
        world.minutes(15);
        assert_eq!(world.told(), [], "{first}");
        for one in &world.instances[1..] {
            assert_eq!(state(one), None);
        }
    }
}

#[test]
fn an_end_that_nobody_told_is_told_also_after_a_restart() {
    let mut world = firing();
    world.instances[0].die();
    world.lose_redis();
    world.fail(false);
    world.minutes(10);
    assert_eq!(world.told(), []);
    for number in [1, 2] {
        restart(&mut world, number).lose_redis();
    }
    world.minutes(2);
    world.store.lose_all();
    world.find_redis();
    world.minutes(15);
    assert_eq!(world.kinds(), [Resolved]);
}

#[test]
fn one_that_told_alone_tells_the_end_also_after_a_restart_while_others_have_not_told_it() {
    let mut world = World::of(3);
    world.minutes(3);
    one_fires_alone(&world);
    // A silence keeps the others from telling it.
    let leader = Arc::clone(&world.instances[0]);
    let silence = NewSilence {
        labels: [("alert".to_owned(), "errors".to_owned())].into(),
        lasts: 60 * MINUTE,
        ..NewSilence::default()
    };
    leader.alerts.silence(silence).unwrap();
    world.fail(true);
    world.minutes(6);
    world.instances[2].find(&world.store);
    world.minutes(2);
    assert_eq!(world.told(), []);
    let after = restart(&mut world, 2);
    world.minutes(2);
    assert_eq!(state(&after), Some((AlertState::Firing, false)));
    world.fail(false);
    world.minutes(10);
    assert_eq!(world.told(), [(Resolved, 3)]);
}

//! What the history says after an outage.

use super::{reconciled::find_first, world::MINUTE, *};

/// Whether each time that the alert fired has an end in the history, one after the other from the newest on.
fn has_ended(instance: &Instance) -> Vec<bool> {
    let history = instance.alerts.history(60 * MINUTE);
    let of_errors = history.iter().filter(|entry| entry.name == "errors");
    of_errors
        .map(|entry| entry.resolved_at().is_some())
        .collect()
}

#[test]
fn each_time_that_an_alert_fired_while_redis_was_away_has_its_end_in_the_history() {
    for first in [0, 1] {
        for again in [0, 1] {
            let world = firing();
            world.lose_redis();
            world.fail(false);
            world.minutes(10);
            // Its first leader, or another one, sees it fire again.
            world.instances[again]
                .machine
                .is_failing
                .store(true, SeqCst);
            world.minutes(5);
            find_first(&world, first);
            world.minutes(5);
            world.fail(false);
            world.minutes(10);
            for one in &world.instances {
                let ended = has_ended(one);
                assert!(
                    ended.iter().all(|ended| *ended),
                    "{first} {again}: {ended:?}"
                );
            }
        }
    }
}

#[test]
fn what_fired_for_others_and_anew_for_one_alone_has_both_ends_in_the_history() {
    let world = World::of(3);
    world.minutes(2);
    let [first, second, lonely] = [0, 1, 2].map(|at| &world.instances[at]);
    lonely.lose_redis();
    world.fail(true);
    lonely.machine.is_failing.store(false, SeqCst);
    world.minutes(5);
    assert_eq!(world.told(), [(Firing, 0)]);
    first.die();
    second.die();
    lonely.machine.is_failing.store(true, SeqCst);
    world.minutes(8);
    assert_eq!(world.told(), [(Firing, 2)]);
    lonely.find(&world.store);
    world.minutes(2);
    assert_eq!(world.store.lock().lease.unwrap().0, 2);
    world.fail(false);
    world.minutes(10);
    assert_eq!(has_ended(lonely), [true, true]);
}

//! Plays fleets: leaders die and freeze, and Redis is lost and found.

mod asked;
mod clocks;
mod documents;
mod escalated;
mod given;
mod histories;
mod leaders;
mod letters;
mod lost_redis;
mod machine;
mod people;
mod reconciled;
mod restarted;
mod rule_gone;
mod shared_store;
mod world;

use std::sync::{Arc, atomic::Ordering::SeqCst};

use self::world::{Instance, World, busy, errors, rules};
use crate::{
    alerts::{AlertState, NewSilence, ResolveReason},
    notify::NotificationKind::{self, Firing, Resolved},
};

/// A fleet of three whose alert fires. The first one leads, and people were told.
fn firing() -> World {
    let world = World::of(3);
    world.minutes(2);
    world.fail(true);
    world.minutes(5);
    assert_eq!(world.told(), [(Firing, 0)]);
    world
}

/// The last one of three is alone, and only its own requests fail: the fleet does not notice.
fn one_fires_alone(world: &World) -> &Instance {
    let lonely = &world.instances[2];
    lonely.lose_redis();
    lonely.machine.is_failing.store(true, SeqCst);
    world.minutes(8);
    assert_eq!(world.told(), [(Firing, 2)]);
    lonely
}

fn state(instance: &Instance) -> Option<(AlertState, bool)> {
    let alert = instance.alert("errors")?;
    Some((alert.state, alert.alone))
}

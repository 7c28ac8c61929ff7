//! Gives what became of an instance's writes to the Redis of its fleet.

use super::super::{
    catalog::Id,
    fleet::{Fleet, FleetOutcome},
    one_family::OneFamily,
};

/// Gives the families of a fleet. Of another family it gives nothing.
pub(super) fn give(fleet: &Fleet, family: &mut OneFamily<'_>) {
    let Some(is_up) = fleet.is_up() else {
        return;
    };
    match family.id() {
        Id::FleetUp => family.gauge(&[], f64::from(u8::from(is_up))),
        Id::FleetWrites => {
            for ((_, outcome), count) in FleetOutcome::TABLE.into_iter().zip(fleet.writes()) {
                family.counter(&[outcome], count);
            }
        }
        _ => {}
    }
}

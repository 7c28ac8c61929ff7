//! Takes back a step of the alerts of a fleet: another instance was in charge, so nobody was told.

use std::{collections::BTreeMap, time::Duration};

use super::{
    alert::Transition, engine::Engine, fingerprint::Fingerprint, stored_fleet::StoredFleet,
};

/// The alerts of the fleet before a step.
#[derive(Debug)]
pub(super) struct Undo {
    stored: StoredFleet,
    ended_here: BTreeMap<Fingerprint, Duration>,
}

// === impl Engine ===

impl Engine {
    /// What is needed to take the next step back.
    pub(super) fn undo(&self) -> Undo {
        Undo {
            stored: self.stored_fleet(),
            ended_here: self.fleet.ended_here.clone(),
        }
    }

    /// Takes a step back that nobody was told of. `ends` are those that were to be told.
    pub(super) fn revert(&mut self, undo: Undo, ends: Vec<Transition>) {
        self.put(undo.stored);
        self.fleet.ended_here = undo.ended_here;
        let ends = ends
            .into_iter()
            .map(|one| (one.alert.fingerprint, one.alert));
        self.fleet.promised.extend(ends);
    }
}

//! Decides who is told of the alerts of this instance, and of those of its fleet.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{
    current::Current,
    dispatch::{Dispatch, Dispatched, StoredTold},
    letter::StoredLetter,
    notification::{Notification, Origin},
    outbox::Outbox,
    routes::CheckedRoutes,
};
use crate::alerts::{Evaluation, Fingerprint, Readable};

/// What is told, and what was told.
#[derive(Debug)]
pub(super) struct Parts {
    /// Of the alerts of this instance. Without a fleet, these are all.
    own: Part,
    fleet: Part,
    pub(super) outbox: Outbox,
    /// Whether somebody takes the state of all alerts.
    takes_state: bool,
    /// How far time has passed for the fleet, since 1970.
    fleet_at: Duration,
    /// What was told of the fleet before the last decision.
    before: Option<StoredTold>,
    /// What a later version wrote for its successor.
    pub(super) more: Map<String, Value>,
}

#[derive(Debug)]
struct Part {
    dispatch: Dispatch,
    current: Current,
    /// The state of its alerts, for those who take it whole.
    state: Vec<Notification>,
}

/// What another instance of a fleet goes on with.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct StoredPart {
    pub(super) told: StoredTold,
    /// What those hear of who take the state of all alerts.
    pub(super) state: BTreeSet<Fingerprint>,
    /// What has not arrived.
    pub(super) outbox: Readable<StoredLetter>,
    /// What a later version wrote.
    #[serde(flatten)]
    pub(super) more: Map<String, Value>,
}

// === impl Parts ===

impl Parts {
    /// Goes on with what an earlier process has told.
    pub(super) fn new(
        routes: &Arc<CheckedRoutes>,
        takes_state: bool,
        before: Option<StoredTold>,
        now: Duration,
    ) -> Self {
        let mut parts = Self {
            own: Part::new(routes),
            fleet: Part::new(routes),
            outbox: Outbox::default(),
            takes_state,
            fleet_at: now,
            before: None,
            more: Map::new(),
        };
        if let Some(before) = before {
            parts.fleet.dispatch.restore(before.clone(), now);
            parts.own.dispatch.restore(before, now);
        }
        parts
    }

    /// What is told of the alerts of this instance.
    pub(super) fn own(&mut self, evaluation: &Evaluation<'_>, origin: &Origin) -> Vec<Dispatched> {
        self.own.step(evaluation, origin, self.takes_state)
    }

    /// What is told of the alerts of the fleet.
    pub(super) fn fleet(
        &mut self,
        evaluation: &Evaluation<'_>,
        origin: &Origin,
    ) -> Vec<Dispatched> {
        let now = evaluation.at.since_1970();
        self.before = Some(self.fleet.dispatch.stored(now));
        // Another instance may have told last.
        let passed = now.saturating_sub(self.fleet_at);
        self.fleet_at = now;
        let evaluation = Evaluation {
            elapsed: passed,
            ..*evaluation
        };
        self.fleet.step(&evaluation, origin, self.takes_state)
    }

    /// There is no fleet. What an earlier process told is of the alerts of this instance.
    pub(super) fn forget_fleet(&mut self) {
        self.fleet
            .dispatch
            .restore(StoredTold::default(), self.fleet_at);
    }

    /// Goes on with what another instance told of the fleet. With `adds`, only with what is not known here.
    pub(super) fn go_on(&mut self, told: StoredTold, now: Duration, adds: bool) {
        if adds {
            self.fleet.dispatch.add(told, now);
        } else {
            self.fleet.dispatch.restore(told, now);
        }
        self.fleet_at = now;
    }

    /// This instance is in charge of the fleet, and tells on of these alerts.
    pub(super) fn take_over(&mut self, state: BTreeSet<Fingerprint>) {
        self.fleet.current = Current::going_on(state);
    }

    /// Another one is in charge of the fleet.
    pub(super) fn leave(&mut self) {
        self.fleet.state.clear();
        self.fleet.current = Current::default();
    }

    /// Forgets the last decision of the fleet.
    pub(super) fn take_back(&mut self) {
        self.outbox.take_back();
        if let Some(before) = self.before.take() {
            let at = before.at();
            self.fleet.dispatch.restore(before, at);
        }
        self.leave();
    }

    /// What a later process goes on with, if that has changed.
    pub(super) fn changed(&self, now: Duration) -> Option<StoredTold> {
        let [own, fleet] = [&self.own, &self.fleet];
        let is_changed = own.dispatch.is_changed() || fleet.dispatch.is_changed();
        is_changed.then(|| {
            let fleet = fleet.dispatch.stored(now);
            own.dispatch.stored(now).with(fleet)
        })
    }

    /// What another instance goes on with.
    pub(super) fn stored(&mut self, now: Duration) -> StoredPart {
        StoredPart {
            told: self.fleet.dispatch.stored(now),
            state: self.fleet.current.firing().clone(),
            outbox: self.outbox.stored(),
            more: self.more.clone(),
        }
    }

    /// The state of all alerts.
    pub(super) fn state(&self) -> Vec<Notification> {
        [&*self.own.state, &*self.fleet.state].concat()
    }
}

// === impl Part ===

impl Part {
    fn new(routes: &Arc<CheckedRoutes>) -> Self {
        Self {
            dispatch: Dispatch::new(Arc::clone(routes)),
            current: Current::default(),
            state: Vec::new(),
        }
    }

    fn step(
        &mut self,
        evaluation: &Evaluation<'_>,
        origin: &Origin,
        takes_state: bool,
    ) -> Vec<Dispatched> {
        if takes_state {
            self.state = self.current.step(evaluation, origin);
        }
        self.dispatch.step(evaluation, origin)
    }
}

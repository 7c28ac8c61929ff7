//! Tells people of the alerts of a fleet: first it is decided, then it is written down, and then somebody is told.

use std::time::Duration;

use serde_json::Value;

use super::{
    dispatch::{Dispatched, StoredTold},
    outbox::StoredLetter,
    parts::StoredPart,
    running::Running,
};
use crate::{
    alerts::{Evaluation, GoOn},
    statistics::WallTime,
};

// === impl Running ===

impl Running {
    /// Decides what is told of the alerts of the fleet. Gives what another instance goes on with.
    pub(crate) fn decide(
        &self,
        evaluation: &Evaluation<'_>,
        deployed: Option<(String, WallTime)>,
    ) -> Value {
        let origin = self.origin(deployed);
        let mut parts = self.parts();
        for Dispatched { to, notification } in parts.fleet(evaluation, &origin) {
            let to = to.into_iter().filter(|index| !self.takes_state(*index));
            let names = to.filter_map(|index| self.name_of(index));
            let to = names.map(ToOwned::to_owned).collect();
            parts.outbox.put(StoredLetter::new(to, &notification));
        }
        let stored = parts.stored(evaluation.at.since_1970());
        serde_json::to_value(stored).unwrap_or_default()
    }

    /// Tells what was decided, and the state of all alerts. Returns what a later process needs of it, if that has changed.
    pub(crate) fn tell(
        &self,
        now: Duration,
        deployed: Option<(String, WallTime)>,
    ) -> Option<StoredTold> {
        let origin = self.origin(deployed);
        let mut parts = self.parts();
        for (letter, ticket) in parts.outbox.hand_over() {
            let to = letter.to.clone();
            let notification = letter.notification(origin.clone());
            for courier in to.iter().filter_map(|name| self.courier(name)) {
                courier.send_with(notification.clone(), ticket.clone());
            }
        }
        self.send_state(&parts.state());
        parts.changed(now)
    }

    /// Goes on with what another instance told. What it did not deliver is told by the next [`tell`](Self::tell), if that one is
    /// gone.
    pub(crate) fn go_on(&self, told: Value, now: Duration, how: GoOn) {
        let Ok(stored) = serde_json::from_value(told) else {
            return;
        };
        let StoredPart {
            told,
            state,
            outbox,
        } = stored;
        let mut parts = self.parts();
        match how {
            GoOn::Follow => {
                parts.go_on(told, now, false);
                parts.leave();
            }
            GoOn::Succeed { knows_more } => {
                parts.go_on(told, now, knows_more);
                if !knows_more {
                    parts.take_over(state);
                }
                outbox.into_iter().for_each(|one| parts.outbox.put(one));
            }
        }
    }

    /// Forgets what was decided and not told.
    pub(crate) fn take_back(&self) {
        self.parts().take_back();
    }

    /// What another instance goes on with now, and whether all of it arrived.
    pub(crate) fn told(&self, now: Duration) -> (Value, bool) {
        let stored = self.parts().stored(now);
        let is_settled = stored.outbox.is_empty();
        (serde_json::to_value(stored).unwrap_or_default(), is_settled)
    }
}

#[cfg(test)]
mod tests;

//! Tells people of the alerts of a fleet: first it is decided, then it is written down, and then somebody is told.

use std::{sync::Arc, time::Duration};

use serde_json::Value;

use super::{
    dispatch::{Dispatched, StoredTold},
    letter::StoredLetter,
    parts::{Parts, StoredPart},
    running::Running,
};
use crate::{
    alerts::{Evaluation, GoOn},
    statistics::WallTime,
};

// === impl Running ===

impl Running {
    /// Decides what is told of the alerts of the fleet. Gives what another instance goes on with, and whether
    /// there is nothing in it that has not arrived.
    pub(crate) fn decide(
        &self,
        evaluation: &Evaluation<'_>,
        deployed: Option<(String, WallTime)>,
    ) -> (Value, bool) {
        let origin = self.origin(deployed);
        let mut parts = self.parts();
        for Dispatched { to, notification } in parts.fleet(evaluation, &origin) {
            let to = to.into_iter().filter(|index| !self.takes_state(*index));
            let names = to.filter_map(|index| self.name_of(index));
            let to = names.map(ToOwned::to_owned).collect();
            parts.outbox.put(StoredLetter::new(to, &notification));
        }
        shared(&mut parts, evaluation.at.since_1970())
    }

    /// Tells what was decided, and the state of all alerts. Returns what a later process needs of it, if that has changed.
    pub(crate) fn tell(
        &self,
        now: Duration,
        deployed: Option<(String, WallTime)>,
    ) -> Option<StoredTold> {
        let origin = self.origin(deployed);
        let mut parts = self.parts();
        let couriers = self.couriers.iter();
        let dropped: Vec<_> = couriers.map(|one| one.accounts().dropped).collect();
        let is_here = |name: &str| self.courier(name).is_some();
        let over = parts.outbox.hand_over(now, is_here);
        for (letter, tickets) in over.letters {
            let notification = letter.notification(origin.clone());
            for (name, ticket) in tickets {
                if let Some(courier) = self.courier(&name) {
                    courier.send_with(notification.clone(), ticket);
                }
            }
        }
        for (name, many) in over.lost {
            match self.courier(&name) {
                Some(courier) => courier.lose(many),
                None => self.losses.count(&name, many),
            }
        }
        for (courier, before) in self.couriers.iter().zip(dropped) {
            let many = courier.accounts().dropped - before;
            self.losses.say(Arc::from(courier.name()), many);
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
            more,
        } = stored;
        let mut parts = self.parts();
        parts.more = more;
        match how {
            GoOn::Follow { was_alone } => {
                parts.go_on(told, now, was_alone);
                parts.leave();
                parts.outbox.follow();
            }
            GoOn::Succeed {
                was_alone,
                knows_more,
            } => {
                parts.go_on(told, now, was_alone || knows_more);
                if !knows_more {
                    parts.take_over(state);
                }
                parts.outbox.go_on(outbox, now);
            }
        }
    }

    /// Forgets what was decided and not told.
    pub(crate) fn take_back(&self) {
        self.parts().take_back();
    }

    /// What another instance goes on with now, and whether all of it arrived.
    pub(crate) fn told(&self, now: Duration) -> (Value, bool) {
        shared(&mut self.parts(), now)
    }
}

fn shared(parts: &mut Parts, now: Duration) -> (Value, bool) {
    let stored = serde_json::to_value(parts.stored(now));
    (stored.unwrap_or_default(), parts.outbox.is_settled())
}

#[cfg(test)]
mod tests;

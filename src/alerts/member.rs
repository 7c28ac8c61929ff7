//! Makes an instance one of several: it finds out whether it is in charge of the alerts of the fleet, and what the others know.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use serde_json::{Map, Value};

use super::{
    alert::Transition,
    document::Document,
    fleet_time::FleetTime,
    notes::Note,
    outgoing::Outgoing,
    shared::{Begun, Held, Shared, Unreached, Written},
    tracked::Tick,
    watch::Watch,
};
use crate::window::Moment;

/// The shortest time for which the lease is held, if that is less than one and a half intervals. A slow answer is no reason to lose it.
const SHORTEST_LEASE: Duration = Duration::from_millis(1_500);

/// How soon it is written down that a notification arrived.
const SETTLE: Duration = Duration::from_secs(1);

/// How much longer than three intervals nobody may have evaluated before that counts as a gap.
const MOST_LATE: Duration = Duration::from_secs(30);

/// The most bytes of the state of all alerts.
const MOST_BYTES: usize = 1 << 20;

/// An instance of a fleet.
pub(super) struct Member {
    pub(super) shared: Box<dyn Shared>,
    pub(super) outgoing: Outgoing,
    interval: Duration,
    /// Tells what this instance wrote from what others wrote.
    id: u64,
    /// When it joined, by the monotonic clock.
    joined: Duration,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    time: FleetTime,
    /// The number of the lease, if this instance held it at the last answer.
    fence: Option<u64>,
    /// It evaluates for itself since then.
    is_alone: bool,
    /// The number in the document that was shown last.
    shown: Option<u64>,
    /// What was read and is done with the next document.
    done: Done,
    /// What is written waits for notifications to arrive.
    is_unsettled: bool,
    /// One evaluation has waited for Redis since the last answer.
    has_waited: bool,
    /// What a later version wrote into the document.
    later: Map<String, Value>,
}

#[derive(Debug, Default)]
struct Done {
    noted: Vec<String>,
    ended: Vec<u64>,
}

/// What an instance has to do with the alerts of the fleet at an evaluation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// It evaluates for all, under the lease with this number.
    Leader(u64),
    /// Another one does.
    Follower,
    /// Nobody can say who does, so each evaluates for itself.
    Alone,
    /// It may find out at the next evaluation who does.
    Waiting,
}

/// What an instance goes on with.
#[derive(Debug)]
pub(super) struct Met {
    pub(super) role: Role,
    /// The time of the fleet.
    pub(super) at: Duration,
    /// The ends of alerts that this instance must tell.
    pub(super) ends: Vec<Transition>,
    /// What others told.
    pub(super) told: Option<(Value, GoOn)>,
}

/// How an instance goes on with what another one told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum GoOn {
    /// The other one is in charge.
    Follow {
        /// This instance told for itself in the meantime.
        was_alone: bool,
    },
    /// The other one is gone, and what it did not deliver is to be told again.
    Succeed {
        /// This instance told for itself in the meantime.
        was_alone: bool,
        /// What this instance knows is newer.
        knows_more: bool,
    },
}

/// What came of a look between two evaluations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Between {
    Nothing,
    /// Nobody is in charge, so this instance takes over.
    TakeOver,
    /// It holds the lease, and can write that notifications arrived.
    Settle(u64),
}

// === impl Member ===

impl Member {
    pub(super) fn new(shared: Box<dyn Shared>, interval: Duration, now: Moment) -> Self {
        Self {
            shared,
            outgoing: Outgoing::default(),
            interval,
            id: fastrand::u64(..),
            joined: now.monotonic,
            state: Mutex::default(),
        }
    }

    /// The time of the fleet.
    pub(super) fn time(&self, now: Moment) -> Duration {
        self.state().time.at(now)
    }

    /// Whether times are those of the fleet. Before the first answer they are those of this machine.
    pub(super) fn knows_time(&self) -> bool {
        self.state().time.is_known()
    }

    /// How often it looks whether somebody is in charge, and renews its lease.
    pub(super) fn every(&self) -> Duration {
        let every = self.lease() / 3;
        match self.state().is_unsettled {
            true => every.min(SETTLE),
            false => every,
        }
    }

    /// Asks for the lease, and takes what others know.
    pub(super) fn meet(&self, clock: &dyn Fn() -> Moment, watch: &Watch) -> Met {
        match self.shared.begin(self.lease()) {
            Ok(begun) => self.met(begun, clock(), watch),
            Err(Unreached) => self.unreached(clock(), watch),
        }
    }

    fn met(&self, begun: Begun, now: Moment, watch: &Watch) -> Met {
        let at = begun.held.now;
        self.answered(at, now, watch);
        if begun.held.fence.is_none() {
            // What this instance knows better is told to who is in charge before it is forgotten.
            let ended = watch.engine().take_ended().into_iter();
            ended.for_each(|(one, at)| self.outgoing.note_later(Note::Ended(one, at)));
        }
        let silences = self.outgoing.sent(&*self.shared, watch, begun.silences, at);
        let mut document = begun.document.as_deref().and_then(Document::of_json);
        let mut state = self.state();
        if let Some(document) = &mut document {
            document.state = std::mem::take(&mut document.state).not_after(at);
            state.later = std::mem::take(&mut document.more);
        }
        let mut engine = watch.engine();
        let mut met = Met {
            role: Role::Follower,
            at,
            ends: Vec::new(),
            told: None,
        };
        let was_alone = state.is_alone;
        if let Some(fence) = begun.held.fence {
            met.role = Role::Leader(fence);
            let before = state.fence.replace(fence);
            if before != Some(fence) || was_alone {
                let (stored, told) = document
                    .map(|document| {
                        let told = (document.by != self.id).then_some(document.told);
                        (document.state, told)
                    })
                    .unzip();
                let knows_more = stored
                    .as_ref()
                    .is_some_and(|stored| stored.at() < engine.fleet_at());
                met.ends = engine.succeed(stored, at, self.most_late());
                let told = told.flatten();
                let how = GoOn::Succeed {
                    was_alone,
                    knows_more,
                };
                met.told = told.map(|told| (told, how));
            }
        } else {
            state.fence = None;
            state.is_unsettled = false;
            // One that is older than what this instance knows is of somebody who has not evaluated yet.
            let is_new = |document: &Document| {
                state.shown != Some(document.fence) || document.state.at() >= engine.fleet_at()
            };
            if let Some(document) = document.filter(is_new) {
                state.shown = Some(document.fence);
                met.ends = engine.mirror(document.state, at);
                met.told = Some((document.told, GoOn::Follow { was_alone }));
            }
        }
        state.is_alone = false;
        state.has_waited = false;
        let noted = begun.notes.into_iter().filter_map(|(name, json)| {
            engine.take_note(&Note::read(&name, &json, at)?);
            Some(name)
        });
        state.done = Done {
            noted: noted.collect(),
            ended: silences,
        };
        if begun.held.fence.is_some() {
            let notes = self.outgoing.take_notes();
            notes.iter().for_each(|note| engine.take_note(note));
        }
        met
    }

    fn unreached(&self, now: Moment, watch: &Watch) -> Met {
        let mut state = self.state();
        let was_in_charge = state.fence.is_some();
        // Who is in charge goes on at once. The others wait for it: what it told may be there at the next evaluation.
        let ago = state.time.ago(now);
        let waits = ago.is_some_and(|ago| !state.has_waited && 2 * ago < 3 * self.interval);
        let role = match waits && !was_in_charge && !state.is_alone {
            true => Role::Waiting,
            false => Role::Alone,
        };
        state.has_waited = true;
        if role == Role::Alone && !state.is_alone {
            state.is_alone = true;
            state.is_unsettled = false;
            watch.engine().go_alone(was_in_charge);
        }
        Met {
            role,
            at: state.time.at(now),
            ends: Vec::new(),
            told: None,
        }
    }

    /// Redis was reached a moment ago and is not any more, and this instance was in charge.
    pub(super) fn goes_alone(&self, watch: &Watch) {
        {
            let mut state = self.state();
            state.is_alone = true;
            state.is_unsettled = false;
        }
        watch.engine().go_alone(true);
    }

    /// The tick of the alerts of the fleet, which another instance may have stepped last.
    pub(super) fn tick(&self, met: &Met, watch: &Watch, local: Tick) -> Tick {
        let at = met.at;
        let before = watch.engine().fleet_at();
        let Some(before) = before else {
            return Tick {
                at,
                elapsed: Duration::ZERO,
                is_gap: true,
            };
        };
        let elapsed = at.saturating_sub(before);
        let is_late = elapsed > self.most_late();
        Tick {
            at,
            elapsed,
            is_gap: is_late || (met.role == Role::Alone && local.is_gap),
        }
    }

    /// Writes what a successor goes on with. `false` if this instance is not in charge any more.
    pub(super) fn write(
        &self,
        fence: u64,
        watch: &Watch,
        told: Value,
        is_settled: bool,
    ) -> Result<bool, Unreached> {
        let stored = watch.engine().stored_fleet();
        let document = Document {
            by: self.id,
            fence,
            state: stored.of_all().within(MOST_BYTES),
            told,
            more: self.state().later.clone(),
        };
        let done = std::mem::take(&mut self.state().done);
        let json = document.to_json().ok_or(Unreached)?;
        let written = self.shared.write(
            fence,
            &Written {
                document: &json,
                noted: &done.noted,
                ended: &done.ended,
            },
        )?;
        let mut state = self.state();
        if written {
            state.shown = Some(fence);
            state.is_unsettled = !is_settled;
        } else {
            state.fence = None;
            state.is_unsettled = false;
        }
        Ok(written)
    }

    /// Renews the lease, or takes it if nobody is in charge.
    pub(super) fn look(&self, clock: &dyn Fn() -> Moment, watch: &Watch) -> Between {
        let Ok(Held { now: at, fence }) = self.shared.hold(self.lease()) else {
            return Between::Nothing;
        };
        if !self.state().is_alone {
            self.answered(at, clock(), watch);
        }
        let state = self.state();
        match fence {
            // Redis is back.
            None if state.is_alone => Between::TakeOver,
            None => Between::Nothing,
            Some(fence) if state.fence != Some(fence) => Between::TakeOver,
            Some(fence) if state.is_unsettled => Between::Settle(fence),
            Some(_) => Between::Nothing,
        }
    }

    /// How long nobody has evaluated the rules of the fleet, as far as is known here.
    pub(super) fn missing_for(&self, now: Moment, watch: &Watch) -> Duration {
        let at = watch.engine().fleet_at();
        match at {
            Some(at) => self.time(now).saturating_sub(at),
            None => now.monotonic.saturating_sub(self.joined),
        }
    }

    fn answered(&self, at: Duration, now: Moment, watch: &Watch) {
        let step = self.state().time.answered(now, at);
        if let Some(step) = step {
            watch.engine().shift(step);
            self.outgoing.shift(step);
        }
    }

    /// How long nobody may have evaluated before that counts as a gap.
    fn most_late(&self) -> Duration {
        3 * self.interval + MOST_LATE
    }

    /// How long a lease is held that is not renewed. It is renewed three times in this time, so that a successor evaluates within two
    /// intervals of the last evaluation.
    fn lease(&self) -> Duration {
        (self.interval * 3 / 4).max(SHORTEST_LEASE.min(self.interval * 3 / 2))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

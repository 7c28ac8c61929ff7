//! Says what an evaluation gave, to whoever tells people.

use std::time::Duration;

use serde_json::Value;

use super::{
    alert::{Alert, Transition},
    member::GoOn,
    part::Part,
};
use crate::statistics::WallTime;

/// What an evaluation gave.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Evaluation<'e> {
    /// Which rules were evaluated.
    pub(crate) part: Part,
    /// The time since the one before.
    pub(crate) elapsed: Duration,
    pub(crate) at: WallTime,
    /// In how long the next one is.
    pub(crate) interval: Duration,
    pub(crate) transitions: &'e [Transition],
    /// All alerts of these rules that fire now, and of which this instance tells.
    pub(crate) firing: &'e [Alert],
}

/// Tells people. It must wait for nobody.
pub(crate) trait Listener: Send + Sync {
    /// Takes what an evaluation gave, and tells it. Evaluations come one after another.
    ///
    /// In a fleet, this is what the instance evaluated for itself. The state of all alerts is told with [`tell`](Self::tell).
    fn evaluated(&self, evaluation: &Evaluation<'_>);

    /// Goes on with what another instance of the fleet told.
    fn go_on(&self, told: Value, now: Duration, how: GoOn);

    /// Decides what is told of the alerts of the fleet, and tells nobody yet. Gives what a successor goes on with, and
    /// whether everything in it has arrived.
    fn decide(&self, evaluation: &Evaluation<'_>) -> (Value, bool);

    /// Tells what was decided, and the state of all alerts.
    fn tell(&self, now: Duration);

    /// Forgets what was decided: another instance is in charge.
    fn take_back(&self);

    /// What a successor goes on with now, and whether everything arrived.
    fn told(&self, now: Duration) -> (Value, bool);
}

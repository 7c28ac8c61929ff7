//! Says what an evaluation gave, to whoever tells people.

use std::time::Duration;

use super::alert::{Alert, Transition};
use crate::statistics::WallTime;

/// What an evaluation gave.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Evaluation<'e> {
    /// The time since the one before.
    pub(crate) elapsed: Duration,
    pub(crate) at: WallTime,
    /// In how long the next one is.
    pub(crate) interval: Duration,
    pub(crate) transitions: &'e [Transition],
    /// All alerts that fire now.
    pub(crate) firing: &'e [Alert],
}

/// Tells people. It must wait for nobody.
pub(crate) trait Listener: Send + Sync {
    /// Takes what an evaluation gave. Evaluations come one after another.
    fn evaluated(&self, evaluation: &Evaluation<'_>);
}

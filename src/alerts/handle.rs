//! Shows the alerts of a service to its application, and takes what people do with them.

use std::{sync::Arc, time::Duration};

use super::{
    alert::Alert,
    fingerprint::Fingerprint,
    history::HistoryEntry,
    running::Running,
    silence::{NewSilence, Silence},
};
use crate::{config::ConfigError, statistics::WallTime};

/// The alerts of an application. Clones share them.
///
/// [`Vitals::alerts`](crate::Vitals::alerts) gives it.
///
/// ```
/// use std::time::Duration;
/// use tower_vitals::{Vitals, alerts::NewSilence};
///
/// let vitals = Vitals::builder().isolated().build()?;
/// let alerts = vitals.alerts();
/// for alert in alerts.firing() {
///     println!("{} since {}", alert.message, alert.since);
/// }
/// let half_an_hour = NewSilence::of(Duration::from_secs(30 * 60))
///     .label("alert", "slow_response_time")
///     .by("ops")
///     .comment("an import runs");
/// alerts.silence(half_an_hour)?;
/// # Ok::<(), tower_vitals::config::ConfigError>(())
/// ```
#[derive(Clone, Debug)]
pub struct AlertsHandle {
    pub(super) running: Arc<Running>,
}

// === impl AlertsHandle ===

impl AlertsHandle {
    pub(crate) const fn new(running: Arc<Running>) -> Self {
        Self { running }
    }

    /// All alerts that are not [inactive](super::AlertState::Inactive), in the order of their rules. One that has stopped firing is there until
    /// the next evaluation.
    #[must_use]
    pub fn all(&self) -> Vec<Alert> {
        self.running.watch().engine().alerts()
    }

    /// The alerts that fire, in the order of their rules.
    #[must_use]
    pub fn firing(&self) -> Vec<Alert> {
        self.running.watch().engine().firing()
    }

    /// Each time that an alert fired, or went on firing, in the last `time`, the newest first. An entry is kept for 168 hours after its
    /// alert stopped, and at most 1,000 are kept.
    #[must_use]
    pub fn history(&self, time: Duration) -> Vec<HistoryEntry> {
        let now = self.running.now();
        let engine = self.running.watch().engine();
        let fired = engine.fired_lately(now, time);
        fired.into_iter().cloned().collect()
    }

    /// Evaluates all rules now, beside the evaluations at each [interval](super::Alerts::interval), and returns the alerts that fire then.
    ///
    /// It runs the closures of [asked](super::Signal::asked) signals, and waits for an evaluation that is under way. So it can block: in
    /// asynchronous code, call it by `spawn_blocking`.
    #[expect(
        clippy::must_use_candidate,
        reason = "the alerts can be asked for later"
    )]
    pub fn evaluate(&self) -> Vec<Alert> {
        self.running.evaluate();
        self.firing()
    }

    /// How many rules there are.
    #[must_use]
    pub fn rules(&self) -> usize {
        self.running.watch().rules().len()
    }

    /// When all rules were evaluated last, also by an earlier process. `None` before the first time.
    #[must_use]
    pub fn last_evaluation(&self) -> Option<WallTime> {
        let last = self.running.watch().engine().last_step();
        last.map(WallTime::new)
    }

    /// The silences that have not ended.
    #[must_use]
    pub fn silences(&self) -> Vec<Silence> {
        let now = self.running.now();
        let mut engine = self.running.watch().engine();
        engine.silences().forget(now);
        engine.silences().all().to_vec()
    }

    /// Tells nobody of the alerts that fit, from now on and for a while. Who was told of one that fires is still told that it
    /// ended.
    ///
    /// # Errors
    ///
    /// If the silence has no label or more than 16, ends at once or after more than 30 days, or a text of it has more than 1,000
    /// bytes; and if there are 256 silences already.
    pub fn silence(&self, silence: NewSilence) -> Result<Silence, ConfigError> {
        self.running.silence(silence)
    }

    /// Ends a silence. Returns `false` if there is none with this number.
    #[expect(clippy::must_use_candidate, reason = "what has ended needs no end")]
    pub fn end_silence(&self, id: u64) -> bool {
        self.running.end_silence(id)
    }

    /// Notes that somebody has seen an alert that fires: it is not told again until it has stopped. The first one who did is
    /// remembered.
    ///
    /// # Errors
    ///
    /// If no alert with this fingerprint fires, or the name has more than 1,000 bytes.
    pub fn acknowledge(&self, fingerprint: Fingerprint, by: &str) -> Result<Alert, ConfigError> {
        self.running.acknowledge(fingerprint, by)
    }
}

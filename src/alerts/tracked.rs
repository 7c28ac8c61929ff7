//! Moves one alert from state to state.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{
    checked::CheckedRule,
    state::{AlertState, ResolveReason},
    verdict::Verdict,
    wall_clock::Step,
};

/// How much time an alert that is told uses up.
const COST: Duration = Duration::from_secs(15 * 60);

/// How much time can be used up. So an alert that goes on and off is told four times at once, and then every 15 minutes.
const MOST_DEBT: Duration = Duration::from_secs(60 * 60);

/// For how many evaluations others are awaited. Who finds Redis again has one to connect and to say what it told. Alertmanager holds an
/// alert for four without news of it.
const AWAITED: u8 = 2;

/// The moment of an evaluation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tick {
    /// Wall time since 1970. It is shown, and ends silences. Nothing else is measured by it.
    pub(crate) at: Duration,
    /// The time since the last evaluation.
    pub(crate) elapsed: Duration,
    /// Whether nobody knows what was in between: the machine was suspended, or the process has just started.
    pub(crate) is_gap: bool,
}

/// An alert with its past. It holds lengths of time and no moments that it measures by, so a later process can go on with it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Tracked {
    pub(crate) state: AlertState,
    /// Since when it is in this state, as wall time.
    pub(crate) since: Duration,
    /// For how long the rule is known to be broken, while it is pending.
    broken_for: Duration,
    /// Since when the rule is broken, as wall time, while it is pending or firing.
    pub(crate) active_at: Option<Duration>,
    pub(crate) firing: Option<Firing>,
    /// What told alerts have used up.
    debt: Duration,
    pub(crate) value: Option<f64>,
    pub(crate) error: Option<String>,
    /// What a later version wrote.
    #[serde(flatten)]
    more: Map<String, Value>,
    /// The same, of what is stored beside it.
    #[serde(skip)]
    pub(super) beside: Map<String, Value>,
}

/// What is known of an alert while it fires.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Firing {
    pub(crate) fired_at: Duration,
    /// The value with which it began to fire.
    pub(crate) value: Option<f64>,
    /// For how long the rule has not been seen broken. `None` while it is broken.
    quiet_for: Option<Duration>,
    pub(crate) is_told: bool,
    since_told: Duration,
    /// This instance of a fleet tells its end, whoever evaluates then: Redis was not reached when it was told.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) is_own: bool,
    /// Another one may have told its end and may not have said so yet. So it is not judged for [`AWAITED`] evaluations: with one
    /// more than these, all of them are still to come, and with 1 the last one is now. Who leads next awaits them as well.
    #[serde(skip_serializing_if = "is_zero")]
    awaits: u8,
    pub(crate) acknowledged: Option<Acknowledged>,
    /// What a later version wrote.
    #[serde(flatten)]
    more: Map<String, Value>,
}

/// Who has seen an alert.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Acknowledged {
    pub(crate) by: String,
    /// Wall time since 1970.
    pub(crate) at: Duration,
}

/// What changed at an evaluation.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Change {
    pub(crate) from: AlertState,
    /// What ended, and why, if it stopped firing.
    pub(crate) resolved: Option<(Firing, ResolveReason)>,
}

fn is_zero(count: &u8) -> bool {
    *count == 0
}

// === impl Tracked ===

impl Tracked {
    /// Takes what the rule found. `None` if the state stays.
    pub(crate) fn take(
        &mut self,
        tick: &Tick,
        verdict: &Verdict,
        rule: &CheckedRule,
    ) -> Option<Change> {
        self.debt = self.debt.saturating_sub(tick.elapsed);
        self.value = verdict.value();
        self.error = match verdict {
            Verdict::Error(error) => Some(error.clone()),
            _ => None,
        };
        let from = self.state;
        let resolved = match &mut self.firing {
            Some(firing) => {
                firing.since_told = firing.since_told.saturating_add(tick.elapsed);
                match firing.take(tick, verdict, rule) {
                    Some(reason) => {
                        self.active_at = None;
                        self.state = AlertState::Resolved;
                        self.firing.take().zip(Some(reason))
                    }
                    None => None,
                }
            }
            None => {
                self.state = self.next(tick, verdict, rule);
                None
            }
        };
        if self.state == from {
            return None;
        }
        self.since = tick.at;
        Some(Change { from, resolved })
    }

    /// Whether it can be told now that it fires, without being told too often.
    pub(crate) fn can_be_told(&self) -> bool {
        self.debt + COST <= MOST_DEBT
    }

    /// Notes that it is told that it fires, for the first time.
    pub(crate) fn tell(&mut self) {
        if let Some(firing) = &mut self.firing {
            firing.is_told = true;
            firing.since_told = Duration::ZERO;
            self.debt += COST;
        }
    }

    /// Whether it is time to tell it again. If so, it is noted.
    pub(crate) fn repeat(&mut self, every: Option<Duration>) -> bool {
        let Some((firing, every)) = self.firing.as_mut().zip(every) else {
            return false;
        };
        let is_due = firing.is_told && firing.since_told >= every;
        if is_due {
            firing.since_told = Duration::ZERO;
        }
        is_due
    }

    /// The wall clock was set.
    pub(crate) fn shift(&mut self, step: Step) {
        step.apply([&mut self.since]);
        step.apply(&mut self.active_at);
        if let Some(firing) = &mut self.firing {
            step.apply([&mut firing.fired_at]);
            step.apply(firing.acknowledged.as_mut().map(|seen| &mut seen.at));
        }
    }

    /// An alert that goes on firing.
    pub(crate) fn going_on(firing: Firing) -> Self {
        Self {
            state: AlertState::Firing,
            since: firing.fired_at,
            value: firing.value,
            firing: Some(firing),
            ..Self::default()
        }
    }

    /// It was pending in this way, and then this instance was alone for so long. Its own numbers do not count, unless it fires.
    pub(super) fn go_on_pending(&mut self, earlier: Self, alone: Duration) {
        if self.firing.is_some() {
            return;
        }
        let broken_for = earlier.broken_for.saturating_add(alone);
        let own = match self.state {
            AlertState::Pending => self.broken_for,
            _ => Duration::ZERO,
        };
        *self = Self {
            broken_for: broken_for.max(own),
            debt: self.debt,
            ..earlier
        };
    }

    /// So much time has passed since somebody knew of it.
    pub(super) fn pass(&mut self, time: Duration) {
        self.debt = self.debt.saturating_sub(time);
        if let Some(firing) = &mut self.firing {
            firing.since_told = firing.since_told.saturating_add(time);
        }
    }

    /// This instance tells its end, if it told that it fires.
    pub(super) fn own(&mut self) {
        if let Some(firing) = &mut self.firing {
            firing.is_own = firing.is_told;
        }
    }

    /// Lets it fire until others had time to say that they told its end.
    pub(super) fn await_others(&mut self) {
        if let Some(firing) = &mut self.firing {
            firing.awaits = AWAITED + 1;
            firing.quiet_for.get_or_insert_default();
        }
    }

    /// Somebody told that it ended at this time. If nobody told later that it fires, nobody knows that.
    pub(super) fn end_was_told(&mut self, at: Duration, now: Duration) {
        let firing = self.firing.as_mut().filter(|firing| {
            let told_at = now.saturating_sub(firing.since_told);
            firing.is_told && told_at <= at
        });
        if let Some(firing) = firing {
            firing.is_told = false;
            firing.acknowledged.take_if(|seen| seen.at <= at);
        }
    }

    /// Somebody has seen it, and another instance was told so. What was said before it began to fire counts no more.
    pub(super) fn seen_elsewhere(&mut self, seen: &Acknowledged) {
        let firing = self.firing.as_mut();
        if let Some(firing) = firing.filter(|firing| firing.fired_at <= seen.at) {
            firing.acknowledged.get_or_insert_with(|| seen.clone());
        }
    }

    /// Takes over who has seen it from what another instance knows of it.
    pub(super) fn seen_as(&mut self, other: &Self) {
        let firing = other.firing.as_ref();
        if let Some(seen) = firing.and_then(|firing| firing.acknowledged.as_ref()) {
            self.seen_elsewhere(seen);
        }
    }

    /// Whether it fires, and somebody was told.
    pub(crate) fn is_told(&self) -> bool {
        self.firing.as_ref().is_some_and(|firing| firing.is_told)
    }

    /// Whether there is nothing to remember.
    pub(crate) fn is_idle(&self) -> bool {
        self.state == AlertState::Inactive && self.debt.is_zero()
    }

    /// Forgets what nobody asks about any more. What was told lately is kept.
    pub(crate) fn forget(&mut self, tick: &Tick) {
        *self = Self {
            debt: self.debt.saturating_sub(tick.elapsed),
            since: tick.at,
            ..Self::default()
        };
    }

    fn next(&mut self, tick: &Tick, verdict: &Verdict, rule: &CheckedRule) -> AlertState {
        let value = match verdict {
            Verdict::Broken(value) => value,
            other => {
                self.active_at = None;
                return match other {
                    Verdict::Error(_) => AlertState::Error,
                    Verdict::NoData => AlertState::NoData,
                    _ => AlertState::Inactive,
                };
            }
        };
        // What happened in a gap is not known.
        if self.state == AlertState::Pending && !tick.is_gap {
            self.broken_for = self.broken_for.saturating_add(tick.elapsed);
        } else {
            self.broken_for = Duration::ZERO;
            self.active_at = Some(tick.at);
        }
        if self.broken_for < rule.pending_for {
            return AlertState::Pending;
        }
        self.firing = Some(Firing {
            fired_at: tick.at,
            value: Some(*value),
            ..Firing::default()
        });
        AlertState::Firing
    }
}

// === impl Firing ===

impl Firing {
    /// Whether the rule is broken, as far as anybody knows.
    pub(crate) const fn is_broken(&self) -> bool {
        self.quiet_for.is_none()
    }

    /// Whether another one may have told its end, and may not have said so yet.
    pub(super) const fn is_awaited(&self) -> bool {
        self.awaits > 0
    }

    /// The next evaluation begins. Whether others are awaited until it is over.
    pub(super) const fn awaits_on(&mut self) -> bool {
        self.awaits = self.awaits.saturating_sub(1);
        self.is_awaited()
    }

    /// Takes what the rule found. Gives the reason if the alert stops firing.
    fn take(
        &mut self,
        tick: &Tick,
        verdict: &Verdict,
        rule: &CheckedRule,
    ) -> Option<ResolveReason> {
        if self.awaits_on() {
            return None;
        }
        let reason = match verdict {
            Verdict::Broken(_) => {
                self.quiet_for = None;
                return None;
            }
            Verdict::Fine(_) => ResolveReason::Recovered,
            Verdict::Unjudged(_) | Verdict::NoData => ResolveReason::NoData,
            Verdict::Error(_) => ResolveReason::Error,
        };
        let quiet_for = match self.quiet_for {
            Some(quiet_for) if !tick.is_gap => quiet_for.saturating_add(tick.elapsed),
            // Nor is it known whether it was well in a gap.
            _ => Duration::ZERO,
        };
        self.quiet_for = Some(quiet_for);
        (quiet_for >= rule.keep_firing_for).then_some(reason)
    }
}

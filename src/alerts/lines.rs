//! Writes to the log what alerts do, on a thread of its own: a subscriber that hangs holds up no evaluation.

use std::cmp::Reverse;

use super::{
    alert::{Alert, Notice, Transition},
    state::AlertState,
    watch::Evaluated,
};
use crate::{emit, metrics::Metrics, report::line_thread::LineThread};

/// How many evaluations wait for the subscriber.
const WAITING: usize = 64;

/// How many changes of one evaluation have a line although nobody is told of them.
const MOST_UNTOLD: usize = 50;

/// Writes the lines of one stack.
#[derive(Debug)]
pub(super) struct Lines(LineThread<Waiting>);

/// An evaluation that waits for its lines.
struct Waiting {
    evaluated: Evaluated,
    /// How many changes have no line.
    more: usize,
}

// === impl Lines ===

impl Lines {
    pub(super) fn new(metrics: &Metrics) -> Self {
        Self(LineThread::new("vitals-alert-log", WAITING, metrics, tell))
    }

    /// Writes the lines of an evaluation as soon as the subscriber takes them.
    pub(super) fn write(&self, mut evaluated: Evaluated) {
        let more = sorted_and_cut(&mut evaluated.transitions);
        self.0.push(Waiting { evaluated, more });
    }
}

/// Puts those first that somebody must know, and says how many others were left out.
fn sorted_and_cut(transitions: &mut Vec<Transition>) -> usize {
    let is_told = |transition: &Transition| transition.notice == Notice::Tell;
    transitions.sort_by_key(|one| Reverse((is_told(one), one.alert.severity)));
    let told = transitions.iter().filter(|one| is_told(one)).count();
    let before = transitions.len();
    transitions.truncate(told + MOST_UNTOLD);
    before - transitions.len()
}

/// Writes one event for the evaluation, and one for each change.
fn tell(waiting: &Waiting, metrics: &Metrics) {
    let more = waiting.more;
    let Evaluated {
        transitions,
        evaluations,
        left_out,
    } = &waiting.evaluated;
    let (changes, left_out) = (transitions.len() + more, *left_out);
    let (no_data, errors) = (evaluations.no_data, evaluations.error);
    emit::counted(Some(metrics), || {
        tracing::debug!(
            target: "tower_vitals",
            changes,
            no_data,
            errors,
            left_out,
            "alerts evaluated"
        );
    });
    if left_out > 0 {
        emit::counted(Some(metrics), || {
            tracing::warn!(target: "tower_vitals", left_out, "alerts have no place");
        });
    }
    for transition in transitions {
        emit::counted(Some(metrics), || changed(transition));
    }
    if more > 0 {
        emit::counted(Some(metrics), || {
            tracing::info!(target: "tower_vitals", more, "more alerts changed");
        });
    }
}

fn changed(transition: &Transition) {
    let Transition {
        alert,
        from,
        notice,
    } = transition;
    let Alert {
        name,
        severity,
        state,
        fingerprint,
        message,
        error,
        ..
    } = alert;
    let reason = alert.resolve_reason.map(|reason| reason.as_str());
    let held = alert.fired_at.zip(alert.resolved_at).map(|(from, to)| {
        let held = to.since_1970().saturating_sub(from.since_1970());
        held.as_secs_f64()
    });
    let told = matches!(notice, Notice::Tell);
    let what = match (from, state) {
        (AlertState::Firing, AlertState::Firing) => "alert still fires",
        _ => "alert changed",
    };
    tracing::info!(
        target: "tower_vitals",
        alert = name,
        severity = severity.as_str(),
        state = state.as_str(),
        from = from.as_str(),
        fingerprint = %fingerprint,
        detail = message,
        told,
        reason,
        fired_for_seconds = held,
        error,
        "{what}"
    );
}

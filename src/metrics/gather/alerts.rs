//! Gives the families of alerts.

use super::super::{alerts::Alerts, catalog::Id, one_family::OneFamily};

/// Gives a family of alerts. Of another family it gives nothing.
pub(super) fn give(alerts: &Alerts, family: &mut OneFamily<'_>) {
    let id = family.id();
    let is_ours = matches!(
        id,
        Id::AlertState | Id::AlertEvaluations | Id::AlertLastEvaluation
    );
    let Some(reading) = is_ours.then(|| alerts.read()).flatten() else {
        return;
    };
    match id {
        Id::AlertState => {
            for (alert, state) in &reading.states {
                family.gauge(&[alert], *state);
            }
        }
        Id::AlertEvaluations => {
            for (outcome, evaluations) in reading.evaluations.by_outcome() {
                family.counter(&[outcome], evaluations);
            }
        }
        _ => family.gauge(&[], reading.last),
    }
}

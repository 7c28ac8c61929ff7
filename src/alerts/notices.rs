//! Decides who is told of an alert.

use std::collections::HashSet;

use super::{
    alert::{Alert, Muted, Notice, Transition},
    checked::CheckedRule,
    fingerprint::Labels,
    severity::AlertSeverity,
    state::AlertState,
    tracked::{Change, Tracked},
};
use crate::statistics::WallTime;

/// The signals and the labels of the critical alerts that fire.
pub(super) type Critical = HashSet<(String, Labels)>;

/// Whether a critical alert with the same signal and labels fires.
pub(super) fn is_inhibited(rule: &CheckedRule, labels: &Labels, critical: &Critical) -> bool {
    rule.severity != AlertSeverity::Critical
        && !critical.is_empty()
        && critical.contains(&(rule.key.clone(), labels.clone()))
}

/// What is told of an alert, and the change that it had.
pub(super) fn notice(
    rule: &CheckedRule,
    labels: &Labels,
    tracked: &mut Tracked,
    change: Option<Change>,
    muted: Option<Muted>,
) -> Option<Transition> {
    let mut notice = Notice::None;
    let mut is_first = false;
    if let Some(firing) = &tracked.firing {
        let is_new = change.is_some();
        let muted = muted.or((firing.acknowledged.is_some()).then_some(Muted::Acknowledged));
        if !firing.is_broken() {
            // It waits for its end, or for more of the same.
        } else if !firing.is_told {
            let flapping = (!tracked.can_be_told()).then_some(Muted::Flapping);
            notice = match muted.or(flapping) {
                Some(muted) => Notice::Muted(muted),
                None => {
                    tracked.tell();
                    is_first = true;
                    Notice::Tell
                }
            };
        } else if muted.is_none() && tracked.repeat(rule.repeat) {
            notice = Notice::Tell;
        }
        if !is_new && notice != Notice::Tell {
            return None;
        }
    } else if change.is_none() {
        return None;
    }
    let mut alert = Alert::new(rule, labels, tracked);
    alert.is_new = is_first;
    let from = change
        .as_ref()
        .map_or(AlertState::Firing, |change| change.from);
    if let Some((ended, reason)) = change.and_then(|change| change.resolved) {
        alert.fired_at = Some(WallTime::new(ended.fired_at));
        alert.resolved_at = Some(alert.since);
        alert.resolve_reason = Some(reason);
        // Who was told of it is told that it ended, also during a silence.
        notice = match ended.is_told {
            true if muted == Some(Muted::Elsewhere) => Notice::Muted(Muted::Elsewhere),
            true => Notice::Tell,
            false => Notice::Muted(Muted::Untold),
        };
    }
    if let Notice::Muted(muted) = notice {
        alert.muted = Some(muted);
    }
    Some(Transition {
        alert,
        from,
        notice,
    })
}

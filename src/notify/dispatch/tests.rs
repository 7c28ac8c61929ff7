use super::*;
use crate::{
    alerts::{AlertSeverity, ResolveReason, Transition},
    notify::{routes::Routes, samples},
    statistics::WallTime,
};

const MINUTE: Duration = Duration::from_secs(60);

/// One alert of a service whose alerts go to notifier 0, and to 1 when nobody acknowledges them for five minutes.
struct Play {
    dispatch: Dispatch,
    at: Duration,
    fired_at: Option<WallTime>,
    acknowledged: bool,
    is_held: bool,
}

// === impl Play ===

impl Play {
    fn new() -> Self {
        let routes = Routes::new()
            .severity(AlertSeverity::Critical, ["slack"])
            .escalate(AlertSeverity::Critical, 5 * MINUTE, ["pagerduty"]);
        let rules = [("down", AlertSeverity::Critical)];
        let routes = routes.checked(&["slack", "pagerduty"], rules.into_iter());
        Self {
            dispatch: Dispatch::new(Arc::new(routes.unwrap())),
            at: Duration::from_secs(1_800_000_000),
            fired_at: None,
            acknowledged: false,
            is_held: false,
        }
    }

    fn alert(&self, state: AlertState) -> Alert {
        let ended = state == AlertState::Resolved;
        let at = WallTime::new(self.at);
        Alert {
            state,
            since: at,
            fired_at: self.fired_at,
            resolved_at: ended.then_some(at),
            resolve_reason: ended.then_some(ResolveReason::Recovered),
            acknowledged_by: self.acknowledged.then(|| "ada".to_owned()),
            is_broken: !self.is_held,
            ..samples::alert()
        }
    }

    /// Time passes, and the alert comes into this state, or stays in it and is told again.
    fn after(
        &mut self,
        elapsed: Duration,
        to: Option<AlertState>,
    ) -> Vec<(NotificationKind, Vec<usize>)> {
        self.at += elapsed;
        let from = match self.fired_at {
            Some(_) => AlertState::Firing,
            None => AlertState::Inactive,
        };
        if to == Some(AlertState::Firing) {
            self.fired_at.get_or_insert(WallTime::new(self.at));
        }
        let transition = to.map(|to| Transition {
            alert: self.alert(to),
            from,
            notice: Notice::Tell,
        });
        if to == Some(AlertState::Resolved) {
            self.fired_at = None;
        }
        let firing = self.fired_at.map(|_| self.alert(AlertState::Firing));
        let evaluation = Evaluation {
            part: crate::alerts::Part::All,
            elapsed,
            at: WallTime::new(self.at),
            interval: MINUTE,
            transitions: transition.as_slice(),
            firing: firing.as_slice(),
        };
        let dispatched = self.dispatch.step(&evaluation, &Origin::default());
        let shown = dispatched.into_iter();
        shown
            .map(|one| (one.notification.kind, one.to.into_iter().collect()))
            .collect()
    }
}

#[test]
fn one_incident_is_told_when_it_begins_again_and_when_it_ends() {
    use NotificationKind::{Escalated, Firing, Repeated, Resolved};

    let mut play = Play::new();
    let firing = Some(AlertState::Firing);
    assert_eq!(play.after(MINUTE, firing), [(Firing, vec![0])]);
    assert_eq!(play.after(4 * MINUTE, None), []);
    // Five minutes, and nobody has acknowledged it.
    assert_eq!(play.after(MINUTE, None), [(Escalated, vec![1])]);
    assert_eq!(play.after(30 * MINUTE, None), []);
    // From now on both hear of it.
    assert_eq!(play.after(MINUTE, firing), [(Repeated, vec![0, 1])]);
    let ended = Some(AlertState::Resolved);
    assert_eq!(play.after(MINUTE, ended), [(Resolved, vec![0, 1])]);
    // The next incident begins anew.
    assert_eq!(play.after(MINUTE, firing), [(Firing, vec![0])]);
    assert_eq!(play.after(MINUTE, ended), [(Resolved, vec![0])]);
}

#[test]
fn an_alert_that_somebody_has_acknowledged_is_not_escalated() {
    let mut play = Play::new();
    play.after(MINUTE, Some(AlertState::Firing));
    play.acknowledged = true;
    for _ in 0..100 {
        assert_eq!(play.after(MINUTE, None), []);
    }
}

#[test]
fn an_alert_is_told_twenty_times_an_hour_and_never_without_its_end() {
    let mut play = Play::new();
    play.acknowledged = true;
    let mut told = Vec::new();
    for minute in 0..600_u64 {
        let to = match minute % 2 {
            0 => AlertState::Firing,
            _ => AlertState::Resolved,
        };
        told.extend(
            play.after(MINUTE, Some(to))
                .into_iter()
                .map(|one| (minute, one.0)),
        );
    }
    for (from, _) in &told {
        let hour = told
            .iter()
            .filter(|(at, _)| (*from..*from + 60).contains(at));
        assert!(hour.count() <= MOST, "{told:?}");
    }
    assert!(told.len() > 100, "{}", told.len());
    let mut open = false;
    for (minute, kind) in told {
        assert_eq!(
            kind == NotificationKind::Firing,
            !open,
            "{minute}: {kind:?}"
        );
        open = !open;
    }
}

#[test]
fn what_a_process_before_told_is_told_to_have_ended() {
    let mut play = Play::new();
    play.fired_at = Some(WallTime::new(play.at - 10 * MINUTE));
    let ended = play.after(MINUTE, Some(AlertState::Resolved));
    assert_eq!(ended, [(NotificationKind::Resolved, vec![0])]);
}

#[test]
fn what_was_told_lasts_beyond_a_restart() {
    use NotificationKind::{Escalated, Firing, Repeated};

    let mut play = Play::new();
    let firing = Some(AlertState::Firing);
    for _ in 0..3 {
        play.after(MINUTE, firing);
    }
    let stored = serde_json::to_string(&play.dispatch.stored(play.at)).unwrap();
    let mut later = Play::new();
    later.at = play.at + 2 * MINUTE;
    later.fired_at = play.fired_at;
    let stored = serde_json::from_str(&stored).unwrap();
    later.dispatch.restore(stored, later.at);
    // It fires for five minutes now: two before the end of that process, two in between, and one in this one.
    let told = later.after(MINUTE, firing);
    assert_eq!(told, [(Repeated, vec![0]), (Escalated, vec![1])]);
    // Three, these two, and fourteen more.
    let more = (0..40).flat_map(|_| later.after(MINUTE, firing)).count();
    assert_eq!(more, 14);
    assert_eq!(Play::new().after(MINUTE, firing), [(Firing, vec![0])]);
}

#[test]
fn of_two_parts_that_know_an_alert_the_one_for_which_it_fires_counts() {
    use NotificationKind::{Firing, Repeated};

    let firing = Some(AlertState::Firing);
    let mut play = Play::new();
    assert_eq!(play.after(MINUTE, firing), [(Firing, vec![0])]);
    // The other part takes over all that was told, and does not have the alert.
    let mut other = Play::new();
    other.at = play.at;
    other
        .dispatch
        .restore(play.dispatch.stored(play.at), play.at);
    assert_eq!(other.after(MINUTE, None), []);
    assert_eq!(play.after(MINUTE, None), []);
    let [of_part, of_other] = [&play, &other].map(|one| one.dispatch.stored(one.at));
    for stored in [
        of_part.clone().with(of_other.clone()),
        of_other.with(of_part),
    ] {
        let mut later = Play::new();
        (later.at, later.fired_at) = (play.at, play.fired_at);
        later.dispatch.restore(stored, later.at);
        assert_eq!(later.after(MINUTE, firing), [(Repeated, vec![0])]);
    }
}

#[test]
fn an_alert_that_is_only_held_is_not_escalated() {
    let mut play = Play::new();
    play.after(MINUTE, Some(AlertState::Firing));
    play.is_held = true;
    for _ in 0..30 {
        assert_eq!(play.after(MINUTE, None), []);
    }
    play.is_held = false;
    let told = play.after(MINUTE, None);
    assert_eq!(told, [(NotificationKind::Escalated, vec![1])]);
}

#[test]
fn of_one_evaluation_the_worst_comes_last() {
    let routes = Routes::new()
        .severity(AlertSeverity::Critical, ["slack"])
        .severity(AlertSeverity::Info, ["slack"]);
    let routes = routes.checked(&["slack"], std::iter::empty()).unwrap();
    let mut dispatch = Dispatch::new(Arc::new(routes));
    let transitions = [AlertSeverity::Critical, AlertSeverity::Info].map(|severity| Transition {
        alert: Alert {
            severity,
            name: severity.to_string(),
            fingerprint: Fingerprint::of(severity.as_str(), &BTreeMap::new()),
            ..samples::alert()
        },
        from: AlertState::Pending,
        notice: Notice::Tell,
    });
    let firing = transitions.each_ref().map(|one| one.alert.clone());
    let evaluation = Evaluation {
        part: crate::alerts::Part::All,
        elapsed: MINUTE,
        at: WallTime::new(MINUTE),
        interval: MINUTE,
        transitions: &transitions,
        firing: &firing,
    };
    let dispatched = dispatch.step(&evaluation, &Origin::default());
    let names: Vec<_> = dispatched
        .iter()
        .map(|one| one.notification.name.as_str())
        .collect();
    assert_eq!(names, ["info", "critical"]);
}

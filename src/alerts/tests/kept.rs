//! What is kept of alerts, for how long and how much.

use super::{
    states::{BROKEN, FINE, Steps, quick, rule},
    *,
};
use crate::alerts::{
    alert::Notice, engine::MOST_ALERTS, signal::Signal, silence::NewSilence, stored::Stored,
};

#[test]
fn a_later_process_goes_on_where_this_one_ended() {
    let rules = || {
        [
            rule("a"),
            quick("b"),
            rule("gone").pending_for(Duration::ZERO),
        ]
    };
    let mut steps = Steps::new(rules());
    let all = [(0, BROKEN), (1, BROKEN), (2, BROKEN)];
    for _ in 0..5 {
        steps.step_all(&all);
    }
    let fingerprint = steps.engine.firing()[0].fingerprint;
    let at = steps.at;
    steps.engine.acknowledge(fingerprint, "ada", at).unwrap();
    steps.silence(&[("alert", "b")], HOUR);
    let json = serde_json::to_string(&steps.engine.stored()).unwrap();
    let stored: Stored = serde_json::from_str(&json).unwrap();
    assert_eq!(stored, steps.engine.stored());

    let [a, b, _] = rules();
    let mut later = Steps::new([b, a]);
    later.at = steps.at;
    let ended = later.engine.restore(stored, steps.at + 10 * MINUTE);
    let firing = later.engine.firing();
    assert_eq!(firing.len(), 2);
    assert_eq!(firing[1].fingerprint, fingerprint);
    assert_eq!(firing[1].acknowledged_by.as_deref(), Some("ada"));
    assert_eq!(later.engine.silences().all().len(), 1);
    // The rule that is gone ends its alert, and nothing fires anew.
    let transitions = later.after(10 * MINUTE, false, &[(0, BROKEN), (1, BROKEN)]);
    assert_eq!(transitions.len(), 0);
    assert_eq!(ended.len(), 1);
    let ended = &ended[0];
    assert_eq!(ended.alert.name, "gone");
    assert_eq!(ended.alert.resolve_reason, Some(ResolveReason::RuleRemoved));
    assert_eq!(ended.notice, Notice::Tell);
    let history: Vec<_> = later.engine.history.lately(later.at, HOUR).collect();
    assert_eq!(history.len(), 3);
    assert_eq!(
        history
            .iter()
            .filter(|one| one.resolved_at().is_some())
            .count(),
        1
    );
}

#[test]
fn what_fires_keeps_its_entry_where_there_is_little_room() {
    let mut steps = Steps::new([quick("a"), quick("b")]);
    for _ in 0..40 {
        steps.step_all(&[(0, BROKEN), (1, BROKEN)]);
        steps.step_all(&[(0, BROKEN), (1, FINE)]);
    }
    let stored = steps.engine.stored();
    let whole = serde_json::to_vec(&stored).unwrap().len();
    let mut later = Steps::new([quick("a"), quick("b")]);
    later.at = steps.at;
    later.engine.restore(stored.within(whole / 4), steps.at);
    let history = later.engine.history.lately(later.at, 2 * HOUR);
    let names: Vec<_> = history.map(|one| &*one.name).collect();
    assert!((2..20).contains(&names.len()), "{names:?}");
    assert_eq!(names.last(), Some(&"a"));
}

/// The JSON of an alert of the fleet. It fires, and people were told.
fn told_in_fleet(rule: &str) -> String {
    format!(
        r#"{{"rule": "{rule}", "tracked": {{"state": "firing",
        "firing": {{"fired_at": {{"secs": 1800000000, "nanos": 0}}, "is_told": true}}}}}}"#
    )
}

#[test]
fn who_leaves_a_fleet_tells_the_end_of_what_has_no_rule_any_more() {
    let since = r#"{"secs": 1800000000, "nanos": 0}"#;
    let [a, gone] = ["a", "gone"].map(told_in_fleet);
    let stored: Stored = serde_json::from_str(&format!(
        r#"{{"fleet": {{"at": {since}, "alerts": [{a}], "unknown": [{{"since": {since}, "alert": {gone}}}]}}}}"#
    ))
    .unwrap();
    let mut steps = Steps::new([quick("a")]);
    let ends = steps.engine.restore(stored, BEGIN);
    let ends: Vec<_> = ends
        .iter()
        .map(|one| (&*one.alert.name, one.notice))
        .collect();
    assert_eq!(ends, [("gone", Notice::Tell)]);
    assert_eq!(steps.state(), AlertState::Firing);
}

#[test]
fn who_joins_a_fleet_tells_the_end_of_what_it_told_before() {
    let mut before = Steps::new([quick("a"), quick("b")]);
    before.step_all(&[(0, BROKEN), (1, BROKEN)]);
    let mut after = Steps::new([quick("a"), quick("b")]);
    after.engine.join();
    after.engine.restore(before.engine.stored(), before.at);
    // In the fleet, one of both fires, and was told.
    let fires = format!(r#"{{"alerts": [{}]}}"#, told_in_fleet("a"));
    let fleet = serde_json::from_str(&fires).unwrap();
    let ends = after.engine.mirror(fleet, before.at);
    let ends: Vec<_> = ends
        .iter()
        .map(|one| (&*one.alert.name, one.notice))
        .collect();
    assert_eq!(ends, [("b", Notice::Tell)]);
}

#[test]
fn the_alerts_of_the_fleet_take_no_room_from_those_of_the_instance() {
    let mut steps = Steps::new([quick("a")]);
    steps.step(BROKEN);
    let own = serde_json::to_vec(&steps.engine.stored()).unwrap().len();
    let all: Vec<_> = (0..1_000)
        .map(|one| told_in_fleet(&format!("fleet {one}")))
        .collect();
    let all = format!(r#"{{"alerts": [{}]}}"#, all.join(","));
    let fleet = serde_json::from_str(&all).unwrap();
    let mut in_fleet = Steps::new([quick("a")]);
    in_fleet.engine.restore(steps.engine.stored(), steps.at);
    in_fleet.engine.join();
    in_fleet.engine.mirror(fleet, steps.at);
    let kept = in_fleet.engine.stored().within(4 * own);
    assert!(serde_json::to_vec(&kept).unwrap().len() <= 4 * own);
    let mut later = Steps::new([quick("a")]);
    later.engine.restore(kept, steps.at);
    let history = later.engine.history.lately(steps.at, HOUR);
    assert_eq!(history.filter(|one| one.name == "a").count(), 1);
}

#[test]
fn a_clock_that_was_set_back_while_no_process_ran_lengthens_no_silence() {
    let mut steps = Steps::new([quick("a")]);
    steps.step_all(&[(0, BROKEN)]);
    steps.silence(&[("alert", "a")], HOUR);
    let (at, stored) = (steps.at, steps.engine.stored());
    let mut later = Steps::new([quick("a")]);
    later.engine.restore(stored, at - 3 * HOUR);
    let until = later.engine.silences().all()[0].until();
    assert_eq!(until, WallTime::new(at - 2 * HOUR));
    assert_eq!(later.engine.last_step(), Some(at - 3 * HOUR));
}

#[test]
fn a_restart_is_a_gap() {
    let mut steps = Steps::new([rule("a")]);
    steps.step(BROKEN);
    steps.step(BROKEN);
    let stored = steps.engine.stored();
    let mut later = Steps::new([rule("a")]);
    later.at = steps.at;
    later.engine.restore(stored, BEGIN);
    later.after(10 * MINUTE, false, &[(0, BROKEN)]);
    assert_eq!(later.state(), AlertState::Pending);
}

#[test]
fn what_an_unknown_version_stored_is_read_as_far_as_it_is_known() {
    let stored: Stored = serde_json::from_str(
        r#"{"later": 1, "alerts": [{"rule": "a", "tracked": {"state": "pending", "more": true}}]}"#,
    )
    .unwrap();
    let mut steps = Steps::new([rule("a")]);
    steps.engine.restore(stored, BEGIN);
    assert_eq!(steps.state(), AlertState::Pending);
}

#[test]
fn history_is_kept_for_a_week_and_bounded() {
    let mut steps = Steps::new([quick("a"), quick("b")]);
    steps.step_all(&[(1, BROKEN)]);
    for _ in 0..1_200 {
        steps.step_all(&[(0, BROKEN), (1, BROKEN)]);
        steps.step_all(&[(0, FINE), (1, BROKEN)]);
    }
    let history = &steps.engine.history;
    let all: Vec<_> = history.lately(steps.at, 168 * HOUR).collect();
    assert_eq!(all.len(), 1_000);
    // What fires is kept, however long ago it began.
    assert_eq!(all[999].name, "b");
    assert_eq!(all[999].resolved_at(), None);
    assert_eq!(history.lately(steps.at, HOUR).count(), 32);
    for _ in 0..168 {
        steps.after(HOUR, false, &[(0, FINE), (1, BROKEN)]);
    }
    assert_eq!(
        steps.engine.history.lately(steps.at, 1_000 * HOUR).count(),
        2
    );
    steps.step_all(&[(1, BROKEN)]);
    assert_eq!(
        steps.engine.history.lately(steps.at, 1_000 * HOUR).count(),
        1
    );
}

#[test]
fn the_number_of_alerts_is_bounded_and_rules_of_the_whole_service_have_a_place() {
    let each = Rule::new("each", Signal::error_rate_percent())
        .above(1.0)
        .at_least(1)
        .pending_for(Duration::ZERO)
        .each_endpoint();
    let mut play = Play::new([each, Rule::new("all", Signal::in_flight()).above(1.0)]);
    for _ in 0..5 {
        for endpoint in 0..1_500 {
            play.service.requests(&format!("/{endpoint}"), 500, 1);
        }
        play.minute();
        let engine = play.watch.engine();
        assert_eq!(engine.left_out(), 500);
    }
    let firing = play.watch.engine().firing();
    assert_eq!(firing.len(), MOST_ALERTS + 1);
    assert_eq!(firing[MOST_ALERTS].name, "all");
}

#[test]
fn an_endpoint_that_is_not_called_any_more_is_held_and_ends_without_data() {
    let each = Rule::new("each", Signal::error_rate_percent())
        .above(50.0)
        .each_endpoint();
    let mut play = Play::new([each]);
    for _ in 0..5 {
        play.service.requests("/orders", 500, 30);
        play.minute();
    }
    play.minutes(60);
    assert_eq!(play.fired("each"), [3]);
    // The last failure is in the window until the 8th, and then the alert is held for 15 minutes.
    assert_eq!(play.resolved("each"), [24]);
    let ends = play
        .log
        .iter()
        .filter_map(|(_, one)| one.alert.resolve_reason);
    assert_eq!(ends.collect::<Vec<_>>(), [ResolveReason::NoData]);
    assert_eq!(play.watch.engine().alerts(), []);
}

#[test]
fn a_silence_that_cannot_work_is_refused() {
    let mut steps = Steps::new([quick("a")]);
    let at = steps.at;
    let mut refused = |pairs: &[(&str, &str)], lasts| {
        let new = NewSilence {
            labels: labels(pairs),
            lasts,
            ..NewSilence::default()
        };
        let refused = steps.engine.silences().add(new, at).unwrap_err();
        refused.field().to_owned()
    };
    assert_eq!(refused(&[], HOUR), "silence.labels");
    assert_eq!(refused(&[("alert", "a")], Duration::ZERO), "silence.lasts");
    assert_eq!(refused(&[("alert", "a")], 1_000 * HOUR), "silence.lasts");
    let long = "a".repeat(1_001);
    assert_eq!(refused(&[("alert", &long)], HOUR), "silence.labels");
}

#[test]
fn the_number_of_silences_is_bounded() {
    let mut steps = Steps::new([quick("a")]);
    for _ in 0..256 {
        steps.silence(&[("alert", "a")], HOUR);
    }
    let new = NewSilence {
        labels: labels(&[("alert", "a")]),
        lasts: HOUR,
        ..NewSilence::default()
    };
    let at = steps.at;
    assert!(steps.engine.silences().add(new.clone(), at).is_err());
    assert!(steps.engine.silences().add(new, at + HOUR).is_ok());
}

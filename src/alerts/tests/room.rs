//! What happens where there are more alerts, or fewer requests, than rules can take.

use super::{
    signals::{above, evaluated, one, service},
    *,
};
use crate::alerts::{
    alert::Notice, engine::MOST_ALERTS, fingerprint::Fingerprint, severity::AlertSeverity,
    signal::Signal, stored::Stored, verdict::Verdict,
};

fn quick(name: &str, signal: Signal) -> Rule {
    Rule::new(name, signal).pending_for(Duration::ZERO)
}

#[test]
fn a_thousand_rules_of_the_service_take_no_place_of_others() {
    let rules = (0..1_000).map(|index| quick(&format!("r{index}"), Signal::in_flight()).above(1e9));
    let pool = quick("pool", Signal::pool_usage_percent()).above(80.0);
    let mut play = Play::new(rules.chain([pool]));
    let gauge = (Gauge::PoolPercent, "primary".to_owned(), 90.0);
    play.service.gauges.push(gauge);
    play.minute();
    assert_eq!(play.fired("pool"), [1]);
}

#[test]
fn a_critical_alert_has_a_place_before_milder_ones() {
    let each = quick("each", Signal::error_rate_percent())
        .above(1.0)
        .at_least(1)
        .each_endpoint();
    let check = quick("check", Signal::health_check_failed())
        .above(0.0)
        .severity(AlertSeverity::Critical);
    let mut play = Play::new([each, check]);
    for endpoint in 0..1_500 {
        play.service.requests(&format!("/{endpoint}"), 500, 1);
    }
    let gauge = (Gauge::CheckFailed, "database".to_owned(), 1.0);
    play.service.gauges.push(gauge);
    play.minute();
    assert_eq!(play.fired("check"), [1]);
    let engine = play.watch.engine();
    assert_eq!(engine.firing().len(), MOST_ALERTS);
    assert_eq!(engine.left_out(), 501);
    drop(engine);
    // Those of a fleet are counted at their own steps, each once.
    for _ in 0..2 {
        for part in [Part::Local, Part::Fleet] {
            let tick = Tick {
                at: play.service.now,
                elapsed: MINUTE,
                is_gap: false,
            };
            play.watch.evaluate(part, tick, &play.service);
        }
    }
    assert_eq!(play.watch.engine().left_out(), 501);
}

#[test]
fn a_named_endpoint_without_requests_takes_no_place() {
    let rules = (0..1_100).map(|index| {
        let rule = quick(&format!("r{index}"), Signal::error_rate_percent()).above(1.0);
        rule.endpoint(format!("/{index}"))
    });
    let pool = quick("pool", Signal::pool_usage_percent()).above(80.0);
    let mut play = Play::new(rules.chain([pool]));
    let gauge = (Gauge::PoolPercent, "primary".to_owned(), 90.0);
    play.service.gauges.push(gauge);
    play.minute();
    assert_eq!(play.fired("pool"), [1]);
}

#[test]
fn a_service_that_was_not_called_lately_has_no_alert() {
    let mut service = service();
    let rule = above(Signal::external_error_rate_percent(), 20.0);
    service.work(Work::Outbound, "groq", CallOutcome::Success, SECOND, 1);
    service.now += 10 * MINUTE;
    assert_eq!(evaluated(&rule, &service, &[]), []);
}

#[test]
fn too_few_requests_are_no_recovery() {
    let slow = quick("slow", Signal::p95_ms()).above(2_000.0);
    let failing = quick("failing", Signal::error_rate_percent()).above(5.0);
    let mut play = Play::new([slow, failing]);
    for _ in 0..3 {
        play.service.took("/a", 9 * SECOND, 30);
        play.service.requests("/a", 500, 30);
        play.minute();
    }
    // The users leave, and what is left is as bad.
    for _ in 0..30 {
        play.service.took("/a", 9 * SECOND, 1);
        play.minute();
    }
    let reason = |name: &str| {
        let mut log = play.log.iter().map(|(_, one)| &one.alert);
        log.find(|alert| alert.name == name && alert.state == AlertState::Resolved)
            .and_then(|alert| alert.resolve_reason)
    };
    assert_eq!(reason("slow"), Some(ResolveReason::NoData));
    let judged = one(above(Signal::p95_ms(), 2_000.0), &play.service);
    assert!(matches!(judged, Verdict::Unjudged(_)), "{judged:?}");
}

#[test]
fn nobody_is_told_that_an_alert_fires_while_its_rule_is_not_broken() {
    let rule = quick("a", Signal::in_flight())
        .above(1.0)
        .keep_firing_for(15 * MINUTE)
        .repeat(5 * MINUTE);
    let mut play = Play::new([rule]);
    play.minutes(11);
    let told = |play: &Play| {
        let told = play
            .log
            .iter()
            .filter(|(_, one)| one.notice == Notice::Tell);
        told.count()
    };
    assert_eq!(told(&play), 3, "once, and two repeats");
    play.service.in_flight = 0;
    play.minutes(14);
    assert_eq!(told(&play), 3);
    assert_eq!(play.state("a"), AlertState::Firing);
    // The process was away for hours, and all is well.
    play.after(8 * HOUR, true);
    assert_eq!(told(&play), 3);
    play.minutes(15);
    assert_eq!((play.state("a"), told(&play)), (AlertState::Resolved, 4));
}

#[test]
fn a_job_that_never_succeeds_is_overdue() {
    let mut play = Play::new([quick("overdue", Signal::job_age().only("rollup")).above(60.0)]);
    play.minute();
    assert_eq!(play.fired("overdue"), [1]);
    let gauge = (Gauge::JobAgeSeconds, "rollup".to_owned(), 5.0);
    play.service.gauges.push(gauge);
    play.minutes(6);
    assert_eq!(play.resolved("overdue"), [7]);
}

#[test]
fn steady_errors_are_no_spike_whatever_the_slots() {
    let mut service = Service::new();
    service.now += HOUR;
    for _ in 0..90 {
        service.now += 10 * SECOND;
        service.requests("/a", 500, 20);
        if service.now - service.begin < HOUR + 11 * MINUTE {
            continue;
        }
        let verdict = one(above(Signal::error_spike_percent(), 1_000.0), &service);
        let Verdict::Fine(value) = verdict else {
            panic!("{verdict:?}");
        };
        assert!(value.abs() < 4.0, "{value}");
    }
}

#[test]
fn silences_and_told_alerts_are_kept_where_there_is_little_room() {
    let each = quick("each", Signal::error_rate_percent())
        .above(1.0)
        .at_least(1)
        .each_endpoint();
    let mut play = Play::new([each]);
    for endpoint in 0..1_000 {
        let endpoint = format!("/a/route/with/a/name/of/some/forty/bytes/{endpoint}");
        play.service.requests(&endpoint, 500, 1);
    }
    play.minute();
    let silence = crate::alerts::NewSilence::of(HOUR).label("alert", "each");
    let now = play.service.now;
    let kept = play.watch.engine().silences().add(silence, now);
    let stored = play.watch.engine().stored();
    let whole = serde_json::to_vec(&stored).unwrap().len();
    assert!(whole < 3 << 20, "{whole}");
    let part = stored.clone().within(whole / 4);
    let json = serde_json::to_vec(&part).unwrap();
    assert!(json.len() <= whole / 4);
    let mut later = Play::new([quick("other", Signal::in_flight()).above(1e9)]);
    let kept_alerts = part.alerts.len();
    let ended = later.watch.engine().restore(part, now);
    // Their history had no room. Who was told hears the end all the same.
    assert!((1..1_000).contains(&kept_alerts), "{kept_alerts}");
    assert_eq!(ended.len(), kept_alerts);
    for one in &ended {
        let alert = &one.alert;
        assert_eq!(
            (&*alert.name, alert.severity),
            ("each", AlertSeverity::Warning)
        );
        assert_eq!(one.notice, Notice::Tell);
        assert_eq!(alert.resolve_reason, Some(ResolveReason::RuleRemoved));
        assert_eq!(alert.fingerprint, Fingerprint::of("each", &alert.labels));
    }
    assert_eq!(later.watch.engine().silences().all(), [kept.unwrap()]);
    // With the room that there is, each of them ends.
    let ended = later.watch.engine().restore(stored, now);
    assert_eq!(ended.len(), 1_000);
    later.minute();
    let engine = later.watch.engine();
    let mut all = engine.history.lately(now, HOUR);
    assert!(all.all(|entry| entry.resolved_at().is_some()));
}

#[test]
fn an_entry_that_cannot_be_read_loses_no_other() {
    let stored: Stored = serde_json::from_str(
        r#"{"alerts": [{"rule": "a", "tracked": {"state": "paused"}},
                       {"rule": "a", "tracked": {"state": "pending"}}],
            "silences": {"last_id": 2, "all": [{"id": 1}, {"id": 2, "labels": {"alert": "a"},
                "from": {"secs": 1, "nanos": 0}, "until": {"secs": 1900000000, "nanos": 0}, "by": "ada", "comment": ""}]},
            "history": [{"later": true}]}"#,
    )
    .unwrap();
    let mut play = Play::new([quick("a", Signal::in_flight()).above(1.0)]);
    play.watch.engine().restore(stored, BEGIN);
    assert_eq!(play.state("a"), AlertState::Pending);
    assert_eq!(play.watch.engine().silences().all().len(), 1);
    play.minute();
}

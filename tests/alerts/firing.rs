//! Fires alerts, and looks everywhere where they show.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use serde_json::Value;
use tower_vitals::{
    Vitals,
    alerts::{AlertSeverity, AlertState, Alerts, NewSilence, ResolveReason, Rule, Signal},
    logging::Format,
};

use crate::{
    MINUTE, alert, builder, error_rate,
    exposition::Exposition,
    firing,
    lines::{Written, informed, lines, lines_with, subscriber},
    requests, stack,
};

/// What `/metrics` has as the state of an alert.
fn published(vitals: &Vitals, alert: &str) -> f64 {
    Exposition::of(vitals).sum("vitals_alert_state", &[("alert", alert)])
}

fn evaluations(vitals: &Vitals) -> [f64; 3] {
    ["success", "no_data", "error"].map(|outcome| {
        let labels = [("outcome", outcome)];
        Exposition::of(vitals).sum("vitals_alert_evaluations_total", &labels)
    })
}

/// The changes of an alert until it comes into this state. They are written on another thread.
fn changes(written: &Written, alert: &str, state: &str) -> Vec<Value> {
    let mut changes: Vec<Value> = Vec::new();
    while changes.last().is_none_or(|line| line["state"] != state) {
        let lines = lines(written).into_iter();
        changes.extend(lines.filter(|line| line["alert"] == alert));
        std::thread::yield_now();
    }
    changes
}

#[test]
fn a_service_that_fails_has_an_alert_wherever_it_shows() {
    let (written, subscriber) = informed(Format::Json);
    let vitals = tracing::dispatcher::with_default(&subscriber, || {
        let lag = Rule::new("lag", Signal::runtime_lag_ms()).above(1.0);
        stack([error_rate().severity(AlertSeverity::Critical), lag])
            .build()
            .unwrap()
    });
    let alerts = vitals.alerts();
    assert_eq!((alerts.rules(), alerts.last_evaluation()), (2, None));
    assert_eq!(published(&vitals, "failing"), 0.0);
    requests(&vitals, "/orders", 200, 18);
    requests(&vitals, "/orders", 500, 1);
    // A request too few.
    assert_eq!(alerts.evaluate(), []);
    assert_eq!(evaluations(&vitals), [1.0, 1.0, 0.0]);
    assert_eq!(alert(&vitals, "lag").unwrap().state, AlertState::NoData);
    requests(&vitals, "/orders", 500, 1);
    let fired = alerts.evaluate();
    let [fired] = &fired[..] else {
        panic!("{fired:?}");
    };
    let message = "Alert: failing - error_rate_percent is 10.00 (threshold: 5.00)";
    assert_eq!(fired.message, message);
    assert_eq!((fired.value, fired.threshold), (Some(10.0), 5.0));
    assert_eq!(published(&vitals, "failing"), 2.0);
    assert_eq!(published(&vitals, "lag"), -1.0);
    assert_eq!(evaluations(&vitals), [2.0, 2.0, 0.0]);
    let last = alerts.last_evaluation().unwrap().since_1970();
    let shown = Exposition::of(&vitals).sum("vitals_alert_last_evaluation_timestamp_seconds", &[]);
    assert_eq!(shown, last.as_secs_f64());
    let history = alerts.history(MINUTE);
    assert_eq!(history.len(), 1);
    assert_eq!(
        (&*history[0].message, history[0].resolved_at()),
        (message, None)
    );

    let changed = changes(&written, "failing", "firing");
    assert_eq!(changed.len(), 1, "{changed:?}");
    let line = &changed[0];
    assert_eq!(
        (&line["level"], &line["detail"]),
        (&"INFO".into(), &message.into())
    );
    assert_eq!(
        (&line["from"], &line["state"]),
        (&"inactive".into(), &"firing".into())
    );
    assert_eq!(line["fingerprint"], *fired.fingerprint.to_string());
}

#[test]
fn each_evaluation_is_a_line_for_who_debugs() {
    let (written, subscriber) = subscriber(Format::Json);
    let build = || stack([error_rate()]).build().unwrap();
    let vitals = tracing::dispatcher::with_default(&subscriber, build);
    vitals.alerts().evaluate();
    let all = lines_with(&written, "alerts evaluated");
    let line = |message: &str| all.iter().find(|line| line["message"] == message);
    let evaluated = line("alerts evaluated").unwrap();
    assert_eq!(evaluated["level"], "DEBUG");
    let counts = ["changes", "no_data", "errors", "left_out"].map(|name| evaluated[name].as_u64());
    assert_eq!(counts, [1, 1, 0, 0].map(Some));
}

#[test]
fn somebody_is_told_of_each_critical_alert_however_many_others_change() {
    let (written, subscriber) = informed(Format::Json);
    let each = Rule::new("each", Signal::error_rate_percent())
        .above(5.0)
        .each_endpoint()
        .pending_for(MINUTE);
    let critical = error_rate().severity(AlertSeverity::Critical);
    let build = || stack([each, critical]).build().unwrap();
    let vitals = tracing::dispatcher::with_default(&subscriber, build);
    for number in 0..200 {
        requests(&vitals, String::leak(format!("/{number}")), 500, 20);
    }
    vitals.alerts().evaluate();
    let lines = lines_with(&written, "more alerts changed");
    let changes: Vec<_> = lines
        .iter()
        .filter(|line| line["message"] == "alert changed")
        .collect();
    assert_eq!(changes.len(), 51);
    let first = (&changes[0]["alert"], &changes[0]["told"]);
    assert_eq!(first, (&"failing".into(), &true.into()));
    let more = lines
        .iter()
        .find(|line| line["message"] == "more alerts changed");
    assert_eq!(more.unwrap()["more"], 150);
}

#[test]
fn an_alert_that_ends_says_why_and_how_long_it_lasted() {
    let (written, subscriber) = informed(Format::Json);
    let failing = Arc::new(AtomicBool::new(true));
    let asked = Arc::clone(&failing);
    let vitals = tracing::dispatcher::with_default(&subscriber, || {
        let ask = move || Some(f64::from(u8::from(asked.load(Relaxed))));
        let signal = Signal::asked("failing", tower_vitals::alerts::SignalUnit::Count, ask);
        let rule = Rule::new("own", signal).above(0.0);
        let rule = rule
            .pending_for(Duration::ZERO)
            .keep_firing_for(Duration::ZERO);
        stack([rule]).build().unwrap()
    });
    let alerts = vitals.alerts();
    assert_eq!(alerts.evaluate().len(), 1);
    failing.store(false, Relaxed);
    // Not to fire is no proof that all is well: the next evaluation shows it.
    assert_eq!(alerts.evaluate(), []);
    assert_eq!(alert(&vitals, "own").unwrap().state, AlertState::Resolved);
    assert_eq!(published(&vitals, "own"), 0.0);
    let history = alerts.history(MINUTE);
    assert_eq!(history[0].resolve_reason, Some(ResolveReason::Recovered));
    assert!(history[0].resolved_at().unwrap() >= history[0].fired_at());
    let all = changes(&written, "own", "resolved");
    let ended = all.last().unwrap();
    assert_eq!(
        (&ended["reason"], &ended["told"]),
        (&"recovered".into(), &true.into())
    );
    assert!(ended["fired_for_seconds"].as_f64().unwrap() >= 0.0);
}

#[test]
fn alerts_can_be_acknowledged_and_silenced_while_they_fire() {
    let each = Rule::new("each", Signal::error_rate_percent())
        .above(5.0)
        .each_endpoint()
        .pending_for(Duration::ZERO);
    let vitals = stack([each, error_rate()]).build().unwrap();
    for number in 0..50 {
        let endpoint = String::leak(format!("/{number}"));
        requests(&vitals, endpoint, if number == 7 { 500 } else { 200 }, 100);
    }
    let alerts = vitals.alerts();
    // All of 2 % that fail are of one endpoint.
    alerts.evaluate();
    assert_eq!(firing(&vitals), ["each /7"]);
    let fingerprint = alerts.firing()[0].fingerprint;
    let seen = alerts.acknowledge(fingerprint, "ada").unwrap();
    assert_eq!(seen.acknowledged_by.as_deref(), Some("ada"));
    let silence = NewSilence::of(MINUTE).label("endpoint", "/7").by("ada");
    let silence = alerts.silence(silence).unwrap();
    assert_eq!(alerts.silences(), std::slice::from_ref(&silence));
    let muted = alerts.firing()[0].muted;
    assert_eq!(
        muted,
        Some(tower_vitals::alerts::Muted::Silenced(silence.id))
    );
    assert!(alerts.end_silence(silence.id) && !alerts.end_silence(silence.id));
    let error = alerts.silence(NewSilence::of(MINUTE)).unwrap_err();
    assert_eq!(error.field(), "silence.labels");
    let error = alerts.acknowledge("0123456789abcdef".parse().unwrap(), "ada");
    assert_eq!(error.unwrap_err().field(), "fingerprint");
}

#[test]
fn rules_are_evaluated_while_every_worker_is_blocked() {
    let workers = 2;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(workers)
        .enable_all()
        .build()
        .unwrap();
    let interval = Duration::from_millis(10);
    let alerts = Alerts::none().rule(error_rate()).interval(interval);
    let vitals = builder().alerts(alerts).build().unwrap();
    let done = Arc::new(AtomicBool::new(false));
    for _ in 0..workers {
        let done = Arc::clone(&done);
        runtime.spawn(async move {
            while !done.load(Relaxed) {
                std::hint::spin_loop();
            }
        });
    }
    requests(&vitals, "/", 503, 20);
    let before = evaluations(&vitals)[0];
    while evaluations(&vitals)[0] < before + 3.0 || firing(&vitals).is_empty() {
        std::thread::yield_now();
    }
    assert_eq!(firing(&vitals), ["failing"]);
    done.store(true, Relaxed);
}

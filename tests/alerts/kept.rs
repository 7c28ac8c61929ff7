//! Carries alerts across a restart.

use std::{convert::Infallible, future::ready, path::Path, time::Duration};

use tower_vitals::{
    Vitals,
    alerts::{AlertState, NewSilence, ResolveReason},
};

use crate::{MINUTE, alert, directory::Directory, error_rate, firing, requests, stack};

/// The stack of one process, which keeps its state in this file.
fn begin(file: &Path) -> Vitals {
    let rule = error_rate().keep_firing_for(Duration::ZERO);
    let builder = stack([rule]).service_name("shop").state_file(file);
    builder.build().unwrap()
}

/// Ends as a process does whose server has ended.
async fn end(vitals: Vitals) {
    let report = vitals.run(ready(Ok::<_, Infallible>(()))).await.unwrap();
    assert!(!report.unsaved);
}

#[tokio::test]
async fn a_restart_while_firing_is_the_same_incident() {
    let directory = Directory::new("alerts");
    let file = directory.path("state");
    let vitals = begin(&file);
    requests(&vitals, "/", 500, 20);
    let fired = vitals.alerts().evaluate();
    let silence = NewSilence::of(MINUTE).label("alert", "failing").by("ada");
    let silence = vitals.alerts().silence(silence).unwrap();
    let fingerprint = fired[0].fingerprint;
    vitals.alerts().acknowledge(fingerprint, "ada").unwrap();
    let before = vitals.alerts();
    let (last, history) = (before.last_evaluation(), before.history(MINUTE));
    drop(before);
    end(vitals).await;

    let vitals = begin(&file);
    let alerts = vitals.alerts();
    // As the process before left them.
    assert_eq!(firing(&vitals), ["failing"]);
    assert_eq!(alerts.last_evaluation(), last);
    assert_eq!(
        (alerts.history(MINUTE), alerts.silences()),
        (history, vec![silence])
    );
    let still = alert(&vitals, "failing").unwrap();
    assert_eq!(still.fired_at, fired[0].fired_at);
    assert_eq!(still.acknowledged_by.as_deref(), Some("ada"));
    // The window is that of the process before, too.
    assert_eq!(alerts.evaluate().len(), 1);
    requests(&vitals, "/", 200, 1_000);
    // The time between the processes proves nothing.
    assert_eq!(alerts.evaluate(), []);
    let history = alerts.history(MINUTE);
    assert_eq!(history.len(), 1, "{history:?}");
    assert_eq!(history[0].resolve_reason, Some(ResolveReason::Recovered));
    end(vitals).await;

    let vitals = begin(&file);
    assert_eq!(vitals.alerts().firing(), []);
    let kept = vitals.alerts().history(MINUTE);
    assert_eq!(kept, history);
    end(vitals).await;
}

#[tokio::test]
async fn an_alert_whose_rule_is_gone_has_ended() {
    let directory = Directory::new("alerts-gone");
    let file = directory.path("state");
    let vitals = begin(&file);
    requests(&vitals, "/", 500, 20);
    vitals.alerts().evaluate();
    end(vitals).await;

    let other = stack([error_rate().above(99.0)]).service_name("shop");
    let vitals = other.state_file(&file).build().unwrap();
    assert_eq!(
        firing(&vitals),
        ["failing"],
        "its threshold is another matter"
    );
    end(vitals).await;
    let other = tower_vitals::alerts::Rule::new("other", tower_vitals::alerts::Signal::in_flight());
    let other = stack([other.above(1.0)]).service_name("shop");
    let vitals = other.state_file(&file).build().unwrap();
    vitals.alerts().evaluate();
    let history = vitals.alerts().history(MINUTE);
    assert_eq!(history[0].name, "failing");
    assert_eq!(history[0].resolve_reason, Some(ResolveReason::RuleRemoved));
    assert_eq!(vitals.alerts().all(), []);
    end(vitals).await;
}

#[tokio::test]
async fn without_rules_what_fired_has_ended() {
    let directory = Directory::new("alerts-none");
    let file = directory.path("state");
    let vitals = begin(&file);
    requests(&vitals, "/", 500, 20);
    vitals.alerts().evaluate();
    end(vitals).await;

    let vitals = stack([]).service_name("shop").state_file(&file);
    let vitals = vitals.build().unwrap();
    let history = vitals.alerts().history(MINUTE);
    assert_eq!(history[0].resolve_reason, Some(ResolveReason::RuleRemoved));
    end(vitals).await;
    // The process after knows that, too.
    let vitals = begin(&file);
    assert_eq!(vitals.alerts().history(MINUTE), history);
    assert_eq!(vitals.alerts().firing(), []);
    end(vitals).await;
}

#[test]
fn without_a_file_a_restart_forgets_alerts() {
    let vitals = stack([error_rate()]).build().unwrap();
    requests(&vitals, "/", 500, 20);
    vitals.alerts().evaluate();
    drop(vitals);
    let vitals = stack([error_rate()]).build().unwrap();
    vitals.alerts().evaluate();
    let state = alert(&vitals, "failing").unwrap().state;
    assert_eq!(
        (state, vitals.alerts().history(MINUTE)),
        (AlertState::NoData, vec![])
    );
}

//! Follows an incident from its beginning to its end.

use std::{convert::Infallible, future::ready, time::Duration};

use tower_vitals::{
    Deployment, Vitals,
    alerts::{AlertSeverity, NewSilence, ResolveReason},
    notify::{NotificationKind, Notifiers},
};

use crate::{
    LONG, Level, begin, directory::Directory, exposition::Exposition, notes::Notes, stack,
};

fn counted(vitals: &Vitals, notifier: &str, outcome: &str) -> f64 {
    let labels = [("notifier", notifier), ("outcome", outcome)];
    Exposition::of(vitals).sum("vitals_notifications_total", &labels)
}

#[test]
fn one_incident_is_told_once_and_so_is_its_end() {
    let (level, (slack, noted)) = (Level::default(), Notes::new("slack"));
    let url = "https://shop.example.com/monitoring";
    let rule = level
        .rule("queue_too_long", AlertSeverity::Critical)
        .summary("Orders wait for too long")
        .runbook("https://wiki.example.com/queue");
    let vitals = stack([rule])
        .notifiers(Notifiers::new().notifier(slack).url(url))
        .build()
        .unwrap();
    // Not a deployment of this process: it is only shown.
    vitals.record_deployment(&Deployment::new("1.4.2").by("ci").environment("test"));
    let deployed = noted.next();
    assert_eq!(deployed.kind, NotificationKind::Deployed);
    assert_eq!(deployed.summary, "Deployed 1.4.2 to test");
    let alerts = vitals.alerts();
    level.set(2);
    for _ in 0..10 {
        assert_eq!(alerts.evaluate().len(), 1);
    }
    level.set(0);
    for _ in 0..10 {
        assert_eq!(alerts.evaluate(), []);
    }
    let (fired, ended) = (noted.next(), noted.next());
    assert_eq!(fired.kind, NotificationKind::Firing);
    assert_eq!(
        fired.summary,
        "Alert: queue_too_long - level_of_queue_too_long is 2.00 (threshold: 1.00)"
    );
    assert_eq!(fired.text, "Orders wait for too long");
    assert_eq!(
        fired.runbook.as_deref(),
        Some("https://wiki.example.com/queue")
    );
    assert_eq!(fired.origin.service, "shop");
    assert_eq!(fired.origin.url.as_deref(), Some(url));
    let (version, _) = fired.origin.deployed.as_ref().unwrap();
    assert_eq!(version, "1.4.2");
    assert_eq!(ended.kind, NotificationKind::Resolved);
    assert_eq!(ended.fingerprint, fired.fingerprint);
    assert_eq!(ended.ended.unwrap().reason, ResolveReason::Recovered);
    assert_eq!(vitals.flush(LONG), 0);
    assert_eq!(noted.rest(), []);
    assert_eq!(counted(&vitals, "slack", "sent"), 3.0);
    for outcome in ["dropped", "refused", "failed"] {
        assert_eq!(counted(&vitals, "slack", outcome), 0.0);
    }
}

#[test]
fn a_silenced_alert_is_told_to_nobody() {
    let (level, (slack, noted)) = (Level::default(), Notes::new("slack"));
    let vitals = stack([level.rule("noisy", AlertSeverity::Warning)])
        .notifiers(Notifiers::new().notifier(slack))
        .build()
        .unwrap();
    let alerts = vitals.alerts();
    let silence = NewSilence::of(LONG * 100).label("alert", "noisy").by("ada");
    let silence = alerts.silence(silence).unwrap();
    level.set(2);
    alerts.evaluate();
    assert_eq!(vitals.flush(LONG), 0);
    assert_eq!(noted.rest(), []);
    alerts.end_silence(silence.id);
    alerts.evaluate();
    assert_eq!(noted.next().kind, NotificationKind::Firing);
}

/// Ends as a process does whose server has ended.
async fn end(vitals: Vitals) {
    let report = vitals.run(ready(Ok::<_, Infallible>(()))).await.unwrap();
    assert_eq!((report.untold, report.unsaved), (0, false));
}

#[tokio::test]
async fn a_restart_in_an_incident_tells_nothing_anew() {
    let directory = Directory::new("told");
    let (file, level) = (directory.path("state"), Level::default());
    let (vitals, noted) = begin(&file, &level);
    level.set(2);
    vitals.alerts().evaluate();
    let fired = noted.next();
    vitals.record_deployment(&Deployment::new("1.4.2"));
    assert_eq!(noted.next().kind, NotificationKind::Deployed);
    end(vitals).await;

    for _ in 0..3 {
        let (vitals, noted) = begin(&file, &level);
        vitals.record_deployment(&Deployment::new("1.4.2"));
        vitals.alerts().evaluate();
        end(vitals).await;
        assert_eq!(noted.rest(), []);
    }

    let (vitals, noted) = begin(&file, &level);
    level.set(0);
    vitals.alerts().evaluate();
    let ended = noted.next();
    assert_eq!(ended.kind, NotificationKind::Resolved);
    assert_eq!(ended.fingerprint, fired.fingerprint);
    end(vitals).await;
    assert_eq!(noted.rest(), []);
}

#[tokio::test]
async fn an_alert_whose_rule_is_gone_is_told_to_have_ended() {
    let directory = Directory::new("gone");
    let (file, level) = (directory.path("state"), Level::default());
    let (vitals, noted) = begin(&file, &level);
    level.set(2);
    vitals.alerts().evaluate();
    assert_eq!(noted.next().kind, NotificationKind::Firing);
    end(vitals).await;

    let (slack, noted) = Notes::new("slack");
    let vitals = stack([])
        .notifiers(Notifiers::new().notifier(slack))
        .state_file(&file)
        .build()
        .unwrap();
    let ended = noted.next();
    assert_eq!(ended.kind, NotificationKind::Resolved);
    assert_eq!(ended.ended.unwrap().reason, ResolveReason::RuleRemoved);
    end(vitals).await;
}

#[tokio::test]
async fn a_repeat_after_a_restart_is_a_repeat() {
    let directory = Directory::new("repeated");
    let (file, level) = (directory.path("state"), Level::default());
    level.set(2);
    let second = Duration::from_secs(1);
    let begin = || {
        let (slack, noted) = Notes::new("slack");
        let rule = level.rule("down", AlertSeverity::Critical).repeat(second);
        let vitals = stack([rule])
            .notifiers(Notifiers::new().notifier(slack))
            .state_file(&file)
            .build()
            .unwrap();
        (vitals, noted)
    };
    let (vitals, noted) = begin();
    vitals.alerts().evaluate();
    assert_eq!(noted.next().kind, NotificationKind::Firing);
    end(vitals).await;

    let (vitals, noted) = begin();
    let repeated = loop {
        vitals.alerts().evaluate();
        vitals.flush(LONG);
        if let Some(told) = noted.rest().pop() {
            break told;
        }
    };
    assert_eq!(repeated.kind, NotificationKind::Repeated);
    end(vitals).await;
}

use super::{
    super::samples::{self, firing, later, repeated, resolved, told},
    *,
};
use crate::alerts::AlertSeverity;

#[test]
fn a_firing_alert_says_all_that_is_known() {
    let alert = firing();
    assert_eq!(title(&alert), "shop Alert - CRITICAL");
    let summary = "Alert: high_error_rate - error_rate_percent is 6.50 (threshold: 5.00)";
    assert_eq!(headline(&alert), summary);
    let lines = "\
Service: shop (production)
Measured: error_rate_percent 6.50, threshold 5.00
Endpoint: POST /orders/{id}
Labels: job=mail
Since: 2027-01-15 08:00:00 UTC
Release: 1.4.2
Last deployment: 1.4.2 at 2027-01-15 07:55:00 UTC, 5m before it began
Runbook: https://wiki.example.com/errors
Where to look: https://shop.example.com/monitoring";
    assert_eq!(fact_lines(&alert, 2_000), lines);
}

#[test]
fn an_alert_that_ended_says_how_long_it_lasted_and_why_it_ended() {
    let alert = resolved();
    assert_eq!(title(&alert), "shop Alert - RESOLVED");
    let line = "Resolved: high_error_rate of POST /orders/{id} after 1h 1s: the rule is not broken any more";
    assert_eq!(headline(&alert), line);
    let lines = fact_lines(&alert, 2_000);
    for line in [
        "Since: 2027-01-15 08:00:00 UTC\n",
        "Ended: 2027-01-15 09:00:01 UTC, after 1h 1s\n",
        "Because: the rule is not broken any more\n",
    ] {
        assert!(lines.contains(line), "{lines}");
    }
    let mut texts = Vec::new();
    for reason in [
        ResolveReason::Recovered,
        ResolveReason::NoData,
        ResolveReason::Error,
        ResolveReason::RuleRemoved,
    ] {
        let mut alert = resolved();
        alert.ended.as_mut().unwrap().reason = reason;
        texts.push(headline(&alert));
    }
    texts.dedup();
    assert_eq!(texts.len(), 4);
}

#[test]
fn an_alert_that_fires_still_says_for_how_long() {
    let alert = repeated(NotificationKind::Repeated);
    assert_eq!(title(&alert), "shop Alert - CRITICAL (still firing)");
    let line = "Still firing: high_error_rate - error_rate_percent is 6.50 (threshold: 5.00)";
    assert_eq!(headline(&alert), line);
    assert!(fact_lines(&alert, 100).contains("Since: 2027-01-15 08:00:00 UTC, for 10m\n"));
    let alert = repeated(NotificationKind::Escalated);
    assert_eq!(title(&alert), "shop Alert - CRITICAL (escalated)");
    assert!(headline(&alert).starts_with("Not acknowledged: high_error_rate - "));
}

#[test]
fn what_is_no_alert_is_told_as_it_was_said() {
    let said = told(NotificationKind::Said, AlertSeverity::Warning);
    assert_eq!(title(&said), "shop Alert - WARNING");
    assert_eq!(headline(&said), "Database connection pool at 85% capacity");
    let test = told(NotificationKind::Test, AlertSeverity::Info);
    assert_eq!(title(&test), "shop Alert - TEST");
    assert!(headline(&test).starts_with("Test: "));
    let deployed = told(NotificationKind::Deployed, AlertSeverity::Info);
    assert_eq!(title(&deployed), "shop Deployment");
}

#[test]
fn a_deployment_after_the_beginning_is_told_as_one() {
    let mut alert = firing();
    alert.origin.deployed = Some(("2".to_owned(), later(alert.at, 62)));
    let line = "Last deployment: 2 at 2027-01-15 08:01:02 UTC, 1m 2s after it began";
    assert!(fact_lines(&alert, 100).contains(line));
}

#[test]
fn nothing_is_said_of_what_is_not_known() {
    let mut said = told(NotificationKind::Said, AlertSeverity::Info);
    said.origin = Origin::default();
    said.summary.clear();
    assert_eq!(fact_lines(&said, 100), "Service: unknown_service");
    assert_eq!(headline(&said), "unknown_service Alert - INFO");
}

#[test]
fn a_runbook_that_is_no_address_is_a_text() {
    let mut alert = firing();
    alert.runbook = Some("ask the\nteam".to_owned());
    assert!(fact_lines(&alert, 100).contains("Runbook: ask the team\n"));
    assert_eq!(links(&alert, 100).len(), 1);
}

#[test]
fn every_line_is_one_line_and_short() {
    for alert in samples::enormous()
        .iter()
        .chain([&samples::everywhere(samples::HOSTILE)])
    {
        for kind in [NotificationKind::Firing, NotificationKind::Resolved] {
            let mut alert = alert.clone();
            alert.kind = kind;
            let facts = facts(&alert);
            assert!(facts.len() <= 10);
            let facts = facts.into_iter().map(|fact| fact.value);
            for line in facts.chain([title(&alert), headline(&alert)]) {
                assert!(line.chars().count() <= 2_100, "{}", line.len());
                assert_eq!(plain::line(&line, usize::MAX), line);
            }
        }
    }
}

#[test]
fn what_fires_is_more_urgent_than_what_ended() {
    let mut warning = firing();
    warning.severity = AlertSeverity::Warning;
    let all = [resolved(), warning.clone(), warning];
    assert!(std::ptr::eq(worst(&all).unwrap(), &raw const all[1]));
    assert!(worst(&[]).is_none());
}

//! Judges what a service tells others of: Sentry, alerts, notifiers.

use super::{
    facts::{Facts, NotifierFacts},
    finding::Finding,
};

/// The notifiers of this crate, and the variables that make them.
const VARIABLES: [(&str, &str); 7] = [
    ("slack", "SLACK_WEBHOOK_URL"),
    ("pagerduty", "PAGERDUTY_ROUTING_KEY"),
    ("whatsapp", "WHATSAPP_TOKEN"),
    ("email", "SMTP_URL"),
    ("webhook", "WEBHOOK_URL"),
    ("alertmanager", "ALERTMANAGER_URL"),
    ("sentry", "SENTRY_DSN"),
];

pub(super) fn findings(facts: &Facts) -> Vec<Finding> {
    let mut all = sentry(facts);
    all.extend(rules(facts));
    all.extend(notifiers(facts));
    all
}

/// Which setting makes a notifier.
pub(crate) fn made_by(notifier: &str) -> &str {
    let mut known = VARIABLES.iter();
    let found = known.find(|(name, _)| *name == notifier);
    found.map_or("Notifiers::notifier", |(_, variable)| variable)
}

fn sentry(facts: &Facts) -> Vec<Finding> {
    let sentry = &facts.sentry;
    if !sentry.on {
        return vec![Finding::warning("sentry", sentry.state, "SENTRY_DSN")];
    }
    let mut all = Vec::new();
    if sentry.dropped > 0 {
        let what = format!("{} events did not reach Sentry", sentry.dropped);
        all.push(Finding::problem("sentry", what, "SENTRY_DSN"));
    }
    if sentry.unscrubbed > 0 {
        let what = format!(
            "{} events could not be scrubbed, and were not sent",
            sentry.unscrubbed
        );
        all.push(Finding::problem("sentry", what, "SentryOptions::scrubbing"));
    }
    if sentry.held_back > 0 {
        let what = format!(
            "{} events were over the limit of their kind",
            sentry.held_back
        );
        let change = "SentryOptions::report_policy";
        all.push(Finding::warning("sentry", what, change));
    }
    if all.is_empty() {
        all.push(Finding::ok("sentry", sentry.state));
    }
    let sampling = match sentry.transactions {
        1.0.. => Finding::warning(
            "sampling",
            "every request is a transaction, which costs money and time",
            "SENTRY_TRACES_SAMPLE_RATE",
        ),
        share if share > 0.0 => {
            let what = format!("{:.1} % of the requests are transactions", share * 100.0);
            Finding::ok("sampling", what)
        }
        _ => Finding::ok("sampling", "no request is a transaction"),
    };
    // The grade tells the rate as well.
    all.push(sampling.of_settings_alone("a setting says how many requests are transactions"));
    all
}

fn rules(facts: &Facts) -> Vec<Finding> {
    if facts.rules == 0 {
        return vec![Finding::warning(
            "alerts",
            "there are no rules, so nothing can fire",
            "VitalsBuilder::alerts, or ALERT_ERROR_RATE_ENABLED and others",
        )];
    }
    if facts.failed_rules.is_empty() {
        let what = format!("{} rules are evaluated", facts.rules);
        return vec![Finding::ok("alerts", what)];
    }
    let failed = facts.failed_rules.iter().map(|(rule, reason)| {
        let what = format!("rule {rule} could not be judged: {reason}");
        Finding::problem("alerts", what, format!("alerts.{rule}"))
    });
    failed.collect()
}

fn notifiers(facts: &Facts) -> Vec<Finding> {
    let Some(notifiers) = &facts.notifiers else {
        let what = "the crate is built without feature notify, so nobody is told of alerts";
        return vec![Finding::warning("notifiers", what, "feature notify")];
    };
    if notifiers.is_empty() {
        return vec![Finding::warning(
            "notifiers",
            "nobody is told of alerts",
            "SLACK_WEBHOOK_URL, PAGERDUTY_ROUTING_KEY or another notifier",
        )];
    }
    let mut all: Vec<_> = notifiers.iter().map(notifier).collect();
    if !facts.has_page {
        let what = "messages do not say where to look";
        all.push(Finding::warning("notifiers", what, "MONITORING_URL"));
    }
    all
}

fn notifier(facts: &NotifierFacts) -> Finding {
    let NotifierFacts {
        name,
        routed,
        sent,
        lost,
    } = facts;
    let variable = made_by(name);
    match (lost, sent, routed) {
        (1.., 0, _) => {
            let what = format!("{name} took none of {lost} notifications");
            Finding::problem("notifiers", what, variable)
        }
        (1.., ..) => {
            let what = format!("{name} took {sent} notifications, and {lost} did not arrive");
            Finding::warning("notifiers", what, variable)
        }
        (_, _, false) => {
            let what = format!("no route leads to {name}");
            Finding::warning("notifiers", what, "Notifiers::routes")
        }
        _ => Finding::ok("notifiers", format!("{name} took {sent} notifications")),
    }
}

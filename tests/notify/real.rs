//! Tells real software, and compares with what real clients send.
//!
//! Each test needs more than the toolchain, is ignored by default and names what it needs; `.ci/run` installs that and runs the test.

mod alertmanager;
mod mail;
mod mail_server;
mod pagerduty;
mod slack;
mod webhook;

use std::time::Duration;

use tower_vitals::{
    Vitals,
    alerts::{AlertSeverity, Alerts, Rule},
    notify::Notifiers,
};

use crate::{LONG, Level, stack};

/// The page of the console of tests.
const PAGE: &str = "https://shop.example.com/monitoring";

/// What an alert is about whose texts are from somebody who means harm, in every alphabet.
const HOSTILE: &str = "Größe 大きい 🔥 <!channel> <https://evil.example|x> &amp; *b*\r\nBcc: eve@evil.example\r\n.\r\n\u{202e}x";

/// How often a stack evaluates itself. For Alertmanager, what it says holds four times as long.
const INTERVAL: Duration = Duration::from_secs(2);

/// A critical rule with everything that a rule can have.
fn rule(level: &Level) -> Rule {
    level
        .rule("queue_too_long", AlertSeverity::Critical)
        .summary("Orders wait for too long")
        .runbook("https://wiki.example.com/queue")
}

/// A stack with these rules, which tells these.
fn told(rules: impl IntoIterator<Item = Rule>, notifiers: Notifiers) -> Vitals {
    let stack = stack(rules).notifiers(notifiers.url(PAGE));
    stack.build().unwrap()
}

/// A stack with this rule, which evaluates itself.
fn evaluating(rule: Rule, notifiers: Notifiers) -> Vitals {
    let alerts = Alerts::none().rule(rule).interval(INTERVAL);
    let stack = stack([]).alerts(alerts).notifiers(notifiers.url(PAGE));
    stack.build().unwrap()
}

/// Sets the level, lets it be judged, and waits until everybody has been told.
fn judge(vitals: &Vitals, level: &Level, to: u64) {
    level.set(to);
    vitals.alerts().evaluate();
    assert_eq!(vitals.flush(LONG), 0);
}

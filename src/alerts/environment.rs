//! Reads the settings of the usual rules from environment variables.

use std::{sync::Arc, time::Duration};

use super::{
    presets,
    rule::Rule,
    set::{Alerts, FromEnvironment},
};
use crate::config::{ConfigError, Environment};

const DURATION: &str = "expected a time such as `60`, `5m` or `500ms`";
const SWITCH: &str = "expected `true`, `1`, `yes` or `on`, or `false`, `0`, `no` or `off`";

/// What the variables say of all usual rules.
#[derive(Debug, Default)]
struct ForAll {
    window: Option<Duration>,
    pending_for: Option<Duration>,
    keep_firing_for: Option<Duration>,
    at_least: Option<u64>,
}

// === impl Alerts ===

impl Alerts {
    /// The usual rules with the settings of `ALERT_*` and `MONITORING_*`. What is not set is as in [`default`](Self::default).
    pub(crate) fn from_environment(environment: &Environment<'_>) -> Result<Self, ConfigError> {
        let (alerts, variables) = environment.noting(Self::of_variables);
        let mut alerts = alerts?;
        alerts.from = Some(Arc::new(FromEnvironment {
            variables,
            rules: alerts.asked_for().to_vec(),
            interval: alerts.every(),
        }));
        Ok(alerts)
    }

    fn of_variables(environment: &Environment<'_>) -> Result<Self, ConfigError> {
        let positive = |name| duration(environment, name, |time| !time.is_zero());
        let any = |name| duration(environment, name, |_| true);
        let for_all = ForAll {
            window: positive("MONITORING_ALERT_WINDOW")?,
            pending_for: any("MONITORING_ALERT_FOR")?,
            keep_firing_for: any("MONITORING_ALERT_KEEP_FIRING")?,
            at_least: environment.parse(
                "MONITORING_MIN_REQUESTS",
                "expected a whole number",
                |text| text.parse().ok(),
            )?,
        };
        let mut alerts = Self::none();
        let interval = duration(environment, "MONITORING_EVALUATION_INTERVAL", |time| {
            (Duration::from_millis(10)..=HOUR).contains(&time)
        })?;
        if let Some(interval) = interval {
            alerts = alerts.interval(interval);
        }
        for rule in presets::usual() {
            let (variable, range) = match rule.name() {
                "high_error_rate" => ("ALERT_ERROR_RATE", PERCENT),
                "slow_response_time" => ("ALERT_RESPONSE_TIME", MILLIS),
                "high_memory_usage" => ("ALERT_MEMORY", PERCENT),
                _ => ("ALERT_CIRCUIT_BREAKER", COUNT),
            };
            let enabled = environment.parse(&format!("{variable}_ENABLED"), SWITCH, switch)?;
            let name = format!("{variable}_THRESHOLD");
            let threshold = environment.parse(&name, range.expected, |text| {
                let number = text.parse::<f64>().ok()?;
                (range.from..=range.to).contains(&number).then_some(number)
            })?;
            if enabled != Some(false) {
                let rule = match threshold {
                    Some(threshold) => rule.above(threshold),
                    None => rule,
                };
                alerts = alerts.rule(for_all.apply(rule));
            }
        }
        Ok(alerts)
    }
}

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const HOUR: Duration = Duration::from_secs(60 * 60);

/// What a threshold can be.
#[derive(Clone, Copy)]
struct Range {
    from: f64,
    to: f64,
    expected: &'static str,
}

const PERCENT: Range = Range {
    from: 0.0,
    to: 100.0,
    expected: "expected a number from 0 to 100",
};

const MILLIS: Range = Range {
    from: 1e-6,
    to: 3_600_000.0,
    expected: "expected milliseconds, a number above 0 and at most 3600000",
};

const COUNT: Range = Range {
    from: 0.0,
    to: 1e9,
    expected: "expected a number from 0 on",
};

// === impl ForAll ===

impl ForAll {
    fn apply(&self, mut rule: Rule) -> Rule {
        if let Some(window) = self.window {
            rule = rule.window(window);
        }
        if let Some(time) = self.pending_for {
            rule = rule.pending_for(time);
        }
        if let Some(time) = self.keep_firing_for {
            rule = rule.keep_firing_for(time);
        }
        if let Some(at_least) = self.at_least {
            rule = rule.at_least(at_least);
        }
        rule
    }
}

/// A time of at most a day that fits.
fn duration(
    environment: &Environment<'_>,
    name: &str,
    fits: impl FnOnce(Duration) -> bool,
) -> Result<Option<Duration>, ConfigError> {
    environment.parse(name, DURATION, |text| {
        // A number without a unit is one of seconds.
        let seconds = text.parse::<f64>().ok();
        let time = match seconds {
            Some(seconds) => Duration::try_from_secs_f64(seconds).ok(),
            None => humantime::parse_duration(text).ok(),
        };
        time.filter(|time| *time <= DAY && fits(*time))
    })
}

fn switch(text: &str) -> Option<bool> {
    match text {
        "true" | "1" | "yes" | "on" => Some(true),
        "false" | "0" | "no" | "off" => Some(false),
        _ => None,
    }
}

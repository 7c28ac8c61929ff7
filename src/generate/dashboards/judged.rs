//! Finds the rules that judge the number of a panel: their thresholds, and where their runbooks are.

use std::time::Duration;

use super::{
    model::{Link, Step},
    panel::{COLORS, Draft},
};
use crate::{
    alerts::{AlertSeverity, CheckedRule, Comparison, Gauge, Kind, Scope},
    metrics::Settings,
};

/// Rules, and the bands of durations.
#[derive(Clone, Copy, Debug)]
pub(super) struct Judged<'g> {
    pub(super) rules: &'g [CheckedRule],
    pub(super) metrics: &'g Settings,
}

/// Which rules are about the number of a panel, and what their thresholds are there.
#[derive(Clone, Copy, Debug)]
pub(super) struct About {
    judges: fn(&Kind) -> bool,
    /// The threshold in the unit of the panel is `from + scale * threshold`.
    from: f64,
    scale: f64,
}

/// The share of failed requests.
pub(super) const ERROR_RATE: About = About::new(|kind| matches!(kind, Kind::ErrorRate));

/// How many errors there are, and which of them are new.
pub(super) const ERRORS: About = About::new(|kind| {
    matches!(
        kind,
        Kind::ErrorsPerMinute | Kind::ErrorSpike | Kind::NewErrors | Kind::NewErrorsSinceDeployment
    )
});

/// Durations of requests, in seconds.
pub(super) const LATENCY: About = About::new(|kind| matches!(kind, Kind::Latency(_))).scaled(0.001);

/// What 95 % of the requests do not exceed, in seconds.
pub(super) const P95: About = About::new(|kind| matches!(kind, Kind::Latency(95))).scaled(0.001);

pub(super) const REQUESTS: About = About::new(|kind| matches!(kind, Kind::RequestsPerSecond));
pub(super) const IN_FLIGHT: About = About::new(|kind| matches!(kind, Kind::InFlight));
pub(super) const QUERY_LATENCY: About =
    About::new(|kind| matches!(kind, Kind::QueryLatency)).scaled(0.001);
pub(super) const SLOW_QUERIES: About = About::new(|kind| matches!(kind, Kind::SlowQueries));
pub(super) const OUTBOUND: About = About::new(|kind| matches!(kind, Kind::OutboundErrorRate));
pub(super) const JOB_FAILURES: About = About::new(|kind| matches!(kind, Kind::JobFailures));
pub(super) const MEMORY: About = About::new(|kind| matches!(kind, Kind::Now(Gauge::MemoryPercent)));
pub(super) const CPU: About = About::new(|kind| matches!(kind, Kind::Now(Gauge::CpuPercent)));
pub(super) const CIRCUITS: About =
    About::new(|kind| matches!(kind, Kind::Now(Gauge::CircuitsOpen)));
pub(super) const LAG: About =
    About::new(|kind| matches!(kind, Kind::Now(Gauge::RuntimeLagMillis))).scaled(0.001);
pub(super) const POOL: About = About::new(|kind| matches!(kind, Kind::Now(Gauge::PoolPercent)));
pub(super) const CERTIFICATE: About =
    About::new(|kind| matches!(kind, Kind::Now(Gauge::CertificateDays)));
pub(super) const JOB_AGE: About =
    About::new(|kind| matches!(kind, Kind::Now(Gauge::JobAgeSeconds)));
pub(super) const QUEUE: About = About::new(|kind| matches!(kind, Kind::Now(Gauge::QueueLength)));
pub(super) const REDIS: About = About::new(|kind| matches!(kind, Kind::Now(Gauge::RedisPercent)));
pub(super) const CACHE_HITS: About =
    About::new(|kind| matches!(kind, Kind::Now(Gauge::CacheHitPercent)));
pub(super) const CHECKS: About = About::new(|kind| matches!(kind, Kind::Now(Gauge::CheckFailed)));

/// The rules judge what is free, and the panel shows what is used.
pub(super) const DISK: About = About {
    from: 100.0,
    ..About::new(|kind| matches!(kind, Kind::Now(Gauge::DiskFreePercent))).scaled(-1.0)
};

// === impl About ===

impl About {
    const fn new(judges: fn(&Kind) -> bool) -> Self {
        Self {
            judges,
            from: 0.0,
            scale: 1.0,
        }
    }

    const fn scaled(mut self, scale: f64) -> Self {
        self.scale = scale;
        self
    }
}

// === impl Judged ===

impl Judged<'_> {
    /// The panel with the thresholds and the runbooks of the rules that judge its number.
    pub(super) fn mark(&self, draft: Draft, about: About) -> Draft {
        let steps = self.thresholds(about);
        let draft = self.link(draft, about);
        match steps.is_empty() {
            true => draft,
            false => draft.steps(steps),
        }
    }

    /// The panel with the runbooks of these rules, and with the bands of durations as its thresholds.
    pub(super) fn mark_bands(&self, draft: Draft, about: About) -> Draft {
        let edges = self
            .metrics
            .band_edges()
            .map(|edge| Some(edge.as_secs_f64()));
        let values = [None].into_iter().chain(edges);
        let steps = COLORS.into_iter().zip(values);
        let steps = steps.map(|(color, value)| Step { color, value });
        self.link(draft, about).steps(steps.collect())
    }

    /// The panel with the runbooks of these rules, whose thresholds are in another unit.
    pub(super) fn link(&self, draft: Draft, about: About) -> Draft {
        let rules: Vec<_> = self.about(about).collect();
        let names: Vec<_> = rules.iter().map(|rule| judgement(rule)).collect();
        let links = rules.iter().filter_map(|rule| runbook(rule)).collect();
        let draft = draft.links(links);
        match names.is_empty() {
            true => draft,
            false => draft.about(&format!("Alerts: {}.", names.join(", "))),
        }
    }

    /// The first edge of durations that is not shorter than this one. `None` if all are shorter.
    pub(super) fn edge_from(&self, least: Duration) -> Option<Duration> {
        let edges = self.metrics.published_edges();
        edges.into_iter().find(|edge| *edge >= least)
    }

    fn about(&self, about: About) -> impl Iterator<Item = &CheckedRule> {
        let judges = move |rule: &&CheckedRule| (about.judges)(&rule.signal.kind);
        self.rules.iter().filter(judges)
    }

    /// The steps of the rules that judge the whole number. Where rules want it above and below something, those count that want it
    /// to be high.
    fn thresholds(&self, about: About) -> Vec<Step> {
        let whole = |rule: &&CheckedRule| {
            let scoped = matches!(rule.scope, Scope::Endpoint { .. });
            !scoped && rule.signal.category.is_none() && rule.signal.only.is_none()
        };
        // A panel that shows the opposite of what is judged is bad on the other side.
        let is_low =
            |rule: &CheckedRule| (rule.comparison == Comparison::Below) == (about.scale > 0.0);
        let rules: Vec<_> = self.about(about).filter(whole).collect();
        let low = rules.iter().any(|rule| is_low(rule));
        let rules = rules.into_iter().filter(|rule| is_low(rule) == low);
        let mut found: Vec<_> = rules
            .map(|rule| {
                (
                    exact(about.from + about.scale * rule.threshold),
                    rule.severity,
                )
            })
            .collect();
        // Of one threshold, the worst severity counts.
        found.sort_by(|(one, mild), (other, bad)| one.total_cmp(other).then(bad.cmp(mild)));
        found.dedup_by(|later, first| later.0 == first.0);
        let mut steps = Vec::new();
        if low {
            let mut value = None;
            for (next, severity) in &found {
                steps.push(Step {
                    color: color(*severity),
                    value,
                });
                value = Some(*next);
            }
            steps.extend(value.map(|value| Step {
                color: COLORS[0],
                value: Some(value),
            }));
        } else if !found.is_empty() {
            steps.push(Step {
                color: COLORS[0],
                value: None,
            });
            steps.extend(found.iter().map(|(value, severity)| Step {
                color: color(*severity),
                value: Some(*value),
            }));
        }
        steps
    }
}

/// The colour of what an alert of this severity is about.
pub(super) const fn color(severity: AlertSeverity) -> &'static str {
    match severity {
        AlertSeverity::Info => "blue",
        AlertSeverity::Warning => COLORS[2],
        AlertSeverity::Critical => COLORS[3],
    }
}

/// A rule in a few words.
pub(super) fn judgement(rule: &CheckedRule) -> String {
    let side = match rule.comparison {
        Comparison::Above => "above",
        Comparison::Below => "below",
    };
    let unit = rule.signal.unit().as_str();
    format!("{} ({side} {} {unit})", rule.name, rule.threshold)
}

/// A link to the runbook of a rule, if it has one.
pub(super) fn runbook(rule: &CheckedRule) -> Option<Link> {
    // A dollar would begin the name of a variable.
    let url = rule.runbook.as_deref()?.replace('$', "%24");
    Some(Link {
        as_dropdown: false,
        icon: "doc",
        include_vars: false,
        keep_time: false,
        tags: Vec::new(),
        target_blank: true,
        title: format!("Runbook: {}", rule.name),
        tooltip: String::new(),
        kind: "link",
        url: Some(url),
    })
}

/// The number without what binary fractions add.
pub(super) fn exact(value: f64) -> f64 {
    (value * 1e9).round() / 1e9
}

//! Judges the requests of the whole service, of one endpoint or of each.

use std::{collections::HashSet, sync::Arc, time::Duration};

use super::{
    checked::{CheckedRule, Scope},
    fingerprint::Labels,
    judge::Judge,
    new_errors,
    signal::Kind,
    tally::{Tallies, Tally},
    verdict::Verdict,
    windows::{Stretch, Windows},
};
use crate::facts::labels::MethodLabel;

/// An endpoint that a rule for each endpoint says something of.
#[derive(Debug)]
pub(crate) struct Endpoint {
    route: Arc<str>,
    method: Option<MethodLabel>,
}

/// The endpoints that have an alert of a rule.
struct Places<'k>(HashSet<(&'k str, Option<&'k str>)>);

/// What a rule finds at the whole service, or at one endpoint.
pub(crate) fn one_place(judge: &Judge<'_>, rule: &CheckedRule, windows: &Windows) -> Verdict {
    if rule.signal.is_new_errors() {
        let count = new_errors::count(windows, rule, route(&rule.scope));
        return judge.value(count.map(|count| count as f64));
    }
    let Some(tallies) = windows.last(rule.window) else {
        return Verdict::NoData;
    };
    match rule.signal.kind {
        Kind::ErrorRate => judge.share(&windows.few, |window| {
            let tally = windows.last(window);
            let tally = tally.and_then(|tallies| place(tallies, &rule.scope));
            tally.map(|tally| judge.counts(tally)).unwrap_or_default()
        }),
        Kind::ErrorSpike => {
            let before = windows.get(Stretch::Before(rule.window));
            match before.filter(|before| is_comparable(tallies, before)) {
                Some(before) => {
                    let scale = scale(tallies, before);
                    judge.spike(
                        failures(tallies, rule),
                        failures(before, rule) as f64 * scale,
                    )
                }
                None => Verdict::NoData,
            }
        }
        _ => match place(tallies, &rule.scope) {
            Some(tally) => judge.tally(tally, tallies.covered),
            None => judge.tally(&Tally::default(), tallies.covered),
        },
    }
}

/// What a rule finds at each endpoint.
#[derive(Debug, Default)]
pub(crate) struct Each {
    /// Those that have an alert of the rule, and some that break it.
    pub(crate) found: Vec<(Endpoint, Verdict)>,
    /// How many of them have no alert yet.
    pub(crate) new: usize,
    /// How many more break it.
    pub(crate) left_out: u64,
}

/// The endpoints that have an alert of a rule, and up to `room` more that break it.
pub(crate) fn each(
    judge: &Judge<'_>,
    rule: &CheckedRule,
    known: &[Labels],
    windows: &Windows,
    room: usize,
) -> Each {
    let now = match rule.signal.kind {
        Kind::NewErrorsSinceDeployment => windows.get(Stretch::SinceDeployment),
        _ => windows.last(rule.window),
    };
    let Some(now) = now else {
        return Each::default();
    };
    let before = windows.get(Stretch::Before(rule.window));
    let before = before.filter(|before| is_comparable(now, before));
    let scale = before.map_or(1.0, |before| scale(now, before));
    let places = Places::new(known);
    let mut found = Vec::new();
    let (mut new, mut left_out) = (0, 0);
    let mut endpoint = |route: &Arc<str>, method: Option<MethodLabel>, tally: &Tally| {
        let is_known = places.contains(route, method);
        let verdict = match rule.signal.kind {
            Kind::ErrorSpike => before.map(|before| {
                let failures = |tally: &Tally| tally.failures(rule.signal.category);
                let now = failures(tally);
                // Most endpoints have no errors, and need no search.
                let before = match now {
                    0 if !is_known => None,
                    _ => before.endpoint(route, method),
                };
                judge.spike(now, before.map_or(0, failures) as f64 * scale)
            }),
            Kind::NewErrors | Kind::NewErrorsSinceDeployment => {
                let count = new_errors::count(windows, rule, Some(route));
                Some(judge.value(count.map(|count| count as f64)))
            }
            _ if is_known => Some(judge.tally(tally, now.covered)),
            _ => judge
                .is_broken(tally, now.covered)
                .then(|| match new < room {
                    true => judge.tally(tally, now.covered),
                    // Nobody will see its value.
                    false => Verdict::Broken(0.0),
                }),
        };
        let Some(verdict) = verdict else {
            return;
        };
        if !is_known {
            if !matches!(verdict, Verdict::Broken(_)) {
                return;
            }
            if new >= room {
                left_out += 1;
                return;
            }
            new += 1;
        }
        let endpoint = Endpoint {
            route: Arc::clone(route),
            method,
        };
        found.push((endpoint, verdict));
    };
    if rule.signal.category.is_some() || rule.signal.is_new_errors() {
        for (route, tally) in &now.routes {
            endpoint(route, None, tally);
        }
    } else {
        for ((route, method), tally) in &now.endpoints {
            endpoint(route, Some(*method), tally);
        }
    }
    Each {
        found,
        new,
        left_out,
    }
}

// === impl Endpoint ===

impl Endpoint {
    pub(crate) fn labels(&self) -> Labels {
        let mut labels = Labels::from([("endpoint".to_owned(), self.route.as_ref().to_owned())]);
        if let Some(method) = self.method {
            labels.insert("method".to_owned(), method.as_str().to_owned());
        }
        labels
    }
}

// === impl Places ===

impl<'k> Places<'k> {
    fn new(known: &'k [Labels]) -> Self {
        let places = known.iter().filter_map(|labels| {
            let route = labels.get("endpoint")?;
            Some((&**route, labels.get("method").map(String::as_str)))
        });
        Self(places.collect())
    }

    fn contains(&self, route: &str, method: Option<MethodLabel>) -> bool {
        // Mostly there are none.
        let method = method.map(MethodLabel::as_str);
        !self.0.is_empty() && self.0.contains(&(route, method))
    }
}

fn place<'t>(tallies: &'t Tallies, scope: &Scope) -> Option<&'t Tally> {
    match scope {
        Scope::Endpoint { route, method } => tallies.endpoint(route, *method),
        Scope::Service | Scope::EachEndpoint => Some(&tallies.total),
    }
}

fn route(scope: &Scope) -> Option<&str> {
    match scope {
        Scope::Endpoint { route, .. } => Some(route),
        Scope::Service | Scope::EachEndpoint => None,
    }
}

fn failures(tallies: &Tallies, rule: &CheckedRule) -> u64 {
    let tally = place(tallies, &rule.scope);
    tally.map_or(0, |tally| tally.failures(rule.signal.category))
}

/// How much longer the window was observed than the one before: their slots differ in length.
fn scale(now: &Tallies, before: &Tallies) -> f64 {
    now.covered.as_secs_f64() / before.covered.as_secs_f64()
}

/// Whether nine tenths as much was observed of the window before.
fn is_comparable(now: &Tallies, before: &Tallies) -> bool {
    let (now, before): (Duration, Duration) = (now.covered, before.covered);
    !before.is_zero() && before.as_secs_f64() >= 0.9 * now.as_secs_f64()
}

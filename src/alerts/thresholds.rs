//! Tells a set of rules from others by a number, so that an instance with other thresholds is found.

use std::{fmt::Write as _, time::Duration};

use super::{checked::CheckedRule, fingerprint::fnv};

/// A number that is the same in each build for the same rules and edges, whichever order the rules stand in. What an alert is called
/// to people, as its summary, is no part of it: that changes nothing in when it fires.
pub(crate) fn thresholds(rules: &[CheckedRule], interval: Duration, edges: &[Duration]) -> u64 {
    let mut lines: Vec<_> = rules.iter().map(line).collect();
    lines.sort();
    let edges = edges
        .iter()
        .map(Duration::as_nanos)
        .map(|edge| edge.to_string());
    lines.push(format!("every {}", interval.as_nanos()));
    lines.extend(edges);
    // No text has this byte, so none can look like two.
    fnv(lines.iter().flat_map(|line| line.bytes().chain([0xff])))
}

/// All that says when a rule fires.
fn line(rule: &CheckedRule) -> String {
    let CheckedRule {
        name,
        key,
        comparison,
        threshold,
        window,
        pending_for,
        keep_firing_for,
        at_least,
        severity,
        scope,
        ..
    } = rule;
    let mut line = format!("{name} {key} {comparison:?} {:x}", threshold.to_bits());
    for time in [window, pending_for, keep_firing_for] {
        // A string takes everything.
        let _ = write!(line, " {}", time.as_nanos());
    }
    let _ = write!(line, " {at_least} {} {scope:?}", severity.as_str());
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alerts::{AlertSeverity, Rule, Signal};

    const EDGES: [Duration; 2] = [Duration::from_millis(100), Duration::from_millis(500)];
    const INTERVAL: Duration = Duration::from_secs(60);

    fn rule(name: &str) -> Rule {
        Rule::new(name, Signal::error_rate_percent()).above(5.0)
    }

    fn of(rules: impl IntoIterator<Item = Rule>) -> u64 {
        let rules: Vec<_> = rules
            .into_iter()
            .map(|rule| rule.checked(&[]).unwrap())
            .collect();
        thresholds(&rules, INTERVAL, &EDGES)
    }

    #[test]
    fn the_same_rules_have_the_same_number_in_each_build_and_order() {
        assert_eq!(format!("{:016x}", of([rule("a")])), "a32cd80afb71a3cc");
        assert_eq!(of([rule("a"), rule("b")]), of([rule("b"), rule("a")]));
        let told = rule("a")
            .summary("Many fail")
            .runbook("https://wiki.test/a");
        assert_eq!(of([told]), of([rule("a")]));
    }

    #[test]
    fn whatever_changes_when_a_rule_fires_changes_the_number() {
        let minute = Duration::from_secs(60);
        let usual = of([rule("a")]);
        let others = [
            of([]),
            of([rule("b")]),
            of([rule("a"), rule("b")]),
            of([rule("a").above(5.000_1)]),
            of([rule("a").below(5.0)]),
            of([rule("a").window(minute)]),
            of([rule("a").pending_for(minute)]),
            of([rule("a").keep_firing_for(minute)]),
            of([rule("a").at_least(21)]),
            of([rule("a").severity(AlertSeverity::Critical)]),
            of([rule("a").each_endpoint()]),
            of([rule("a").endpoint("/orders")]),
            of([rule("a").endpoint("/orders").method("GET")]),
            of([Rule::new("a", Signal::requests_per_second()).above(5.0)]),
            thresholds(&[rule("a").checked(&[]).unwrap()], minute * 2, &EDGES),
            thresholds(&[rule("a").checked(&[]).unwrap()], INTERVAL, &EDGES[..1]),
        ];
        for (index, other) in others.iter().enumerate() {
            assert_ne!(*other, usual, "{index}");
        }
    }
}

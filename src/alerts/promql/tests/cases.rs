//! What Prometheus scraped, what a rule says then, and a file that lets promtool judge both.

use std::collections::BTreeSet;

use super::{
    promtool::{Files, quoted},
    *,
};

/// How often there is a sample.
pub(super) const STEP: Duration = Duration::from_secs(15);

/// When rules of five minutes are judged.
pub(super) const SOON: Duration = Duration::from_secs(600);

pub(super) const HOUR: Duration = Duration::from_secs(3_600);

/// What Prometheus scraped until a moment, and what a rule says then.
pub(super) struct Case {
    name: String,
    /// Cases of one rule can share its alert.
    alert: String,
    rule: Rule,
    settings: Settings,
    /// Each series with its values.
    series: Vec<(String, String)>,
    at: Duration,
    /// What the signal shows, with the labels it has, as they are written. `None` if it is left open.
    value: Option<(&'static str, f64)>,
    /// The labels of the alert, if it fires.
    fires: Option<&'static str>,
}

// === impl Case ===

impl Case {
    pub(super) fn new(name: &str, rule: Rule) -> Self {
        Self {
            name: name.to_owned(),
            alert: name.to_owned(),
            rule,
            settings: Settings::new(),
            series: Vec::new(),
            at: SOON,
            value: None,
            fires: None,
        }
    }

    pub(super) fn of(mut self, rule: Rule) -> Self {
        self.rule = rule;
        self
    }

    pub(super) fn alert(mut self, name: &str) -> Self {
        name.clone_into(&mut self.alert);
        self
    }

    pub(super) fn settings(mut self, settings: Settings) -> Self {
        self.settings = settings;
        self
    }

    pub(super) fn at(mut self, at: Duration) -> Self {
        self.at = at;
        self
    }

    /// A counter that is 0, and grows by so many so long before the moment of the verdict.
    pub(super) fn grew(mut self, series: &str, growth: &[(Duration, u64)]) -> Self {
        let steps = self.at.as_millis() / STEP.as_millis();
        let values = (0..=steps).map(|step| {
            let now = STEP * u32::try_from(step).unwrap();
            let grown = growth.iter().filter(|(ago, _)| now + *ago > self.at);
            grown.map(|(_, count)| *count).sum::<u64>().to_string()
        });
        let values: Vec<_> = values.collect();
        self.series.push((series.to_owned(), values.join(" ")));
        self
    }

    /// A counter that grows by so many two minutes before.
    pub(super) fn lately(self, series: &str, count: u64) -> Self {
        self.grew(series, &[(MINUTE * 2, count)])
    }

    /// A gauge, or a counter that stands still.
    pub(super) fn is(mut self, series: &str, value: f64) -> Self {
        let steps = self.at.as_millis() / STEP.as_millis();
        self.series
            .push((series.to_owned(), format!("{value}x{steps}")));
        self
    }

    /// A counter that begins with so many, so long before.
    pub(super) fn born(mut self, series: &str, ago: Duration, count: u64) -> Self {
        let [before, after] = [self.at - ago, ago].map(|time| time.as_millis() / STEP.as_millis());
        let values = format!("_x{before} {count}x{after}");
        self.series.push((series.to_owned(), values));
        self
    }

    /// These series with their values, and no others.
    pub(super) fn only(mut self, series: &[(&str, &str)]) -> Self {
        let series = series.iter();
        let owned = series.map(|(series, values)| ((*series).to_owned(), (*values).to_owned()));
        self.series = owned.collect();
        self
    }

    pub(super) fn shows(mut self, labels: &'static str, value: f64) -> Self {
        self.value = Some((labels, value));
        self
    }

    /// It fires, with these labels as YAML.
    pub(super) fn fires(mut self, labels: &'static str) -> Self {
        self.fires = Some(labels);
        self
    }

    /// The rule, as a file for Prometheus has it.
    fn as_rule(&self) -> String {
        let (_, breach) = texts(&self.rule, &self.settings);
        let expr = quoted(&breach);
        format!("  - alert: {}\n    expr: {expr}\n", self.alert)
    }

    /// The test, as a file for promtool has it.
    fn as_test(&self) -> String {
        let Self {
            name, alert, at, ..
        } = self;
        let at = format!("{}s", at.as_secs());
        let mut test = format!("- name: {name}\n  interval: 15s\n  input_series:\n");
        for (series, values) in &self.series {
            let (series, values) = (quoted(series), quoted(values));
            test += &format!("  - {{series: {series}, values: {values}}}\n");
        }
        let alerts = match self.fires {
            Some(labels) => format!("[{{exp_labels: {{{labels}}}}}]"),
            None => "[]".to_owned(),
        };
        test += &format!(
            "  alert_rule_test:\n  - {{eval_time: {at}, alertname: {alert}, exp_alerts: {alerts}}}\n"
        );
        if let Some((labels, value)) = self.value {
            let (expression, _) = texts(&self.rule, &self.settings);
            let (expr, labels) = (quoted(&expression), quoted(labels));
            test += &format!(
                "  promql_expr_test:\n  - {{expr: {expr}, eval_time: {at}, exp_samples: [{{labels: {labels}, value: {value}}}]}}\n"
            );
        }
        test
    }
}

/// Lets promtool judge all cases. It says for each one that is wrong what it found.
pub(super) fn judge(file: &str, cases: &[Case]) {
    let files = Files::new(file);
    let rules: BTreeSet<_> = cases.iter().map(Case::as_rule).collect();
    let rules: String = rules.into_iter().collect();
    files.write(
        "rules.yml",
        &format!("groups:\n- name: all\n  rules:\n{rules}"),
    );
    // Each case has its own series, so it is a test of its own.
    let tests: String = cases.iter().map(Case::as_test).collect();
    let head = "rule_files: [rules.yml]\nevaluation_interval: 10m\ntests:\n";
    files.write("tests.yml", &format!("{head}{tests}"));
    if let Err(said) = files.run(["test", "rules"], "tests.yml") {
        panic!("{said}");
    }
}

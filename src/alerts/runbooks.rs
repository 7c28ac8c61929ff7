//! Knows where the pages of the built-in alerts are.

use std::sync::Arc;

use crate::config::ConfigError;

/// What stands for the name of a page.
const NAME: &str = "{name}";

/// The pages of this crate.
const PAGES: &str =
    "https://docs.rs/tower-vitals/latest/tower_vitals/guides/runbooks/{name}/index.html";

/// Where the pages of the built-in alerts are.
#[derive(Clone, Debug)]
pub(crate) struct Runbooks(Arc<str>);

// === impl Runbooks ===

impl Runbooks {
    /// Pages at this address, with the name of one in braces. Otherwise those of this crate.
    pub(super) fn checked(address: Option<String>) -> Result<Self, ConfigError> {
        let Some(address) = address else {
            return Ok(Self(PAGES.into()));
        };
        let is_address = ["https://", "http://"]
            .iter()
            .any(|scheme| address.starts_with(scheme));
        if !is_address || !address.contains(NAME) {
            let reason = "expected an address that begins with `https://` or `http://`, with `{name}` for the name of a page";
            return Err(ConfigError::new("alerts.runbooks", address, reason));
        }
        Ok(Self(address.into()))
    }

    /// The address of a page.
    pub(crate) fn page(&self, name: &str) -> String {
        self.0.replace(NAME, name)
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, time::Duration};

    use super::super::{Alerts, Rule, presets};

    /// All built-in rules.
    fn built_in() -> Vec<Rule> {
        let named = [
            presets::job_overdue("rollup", Duration::from_secs(60)),
            presets::workers_down("workers_active"),
            presets::payment_failures(),
        ];
        let usual = presets::usual().into_iter();
        usual.chain(presets::guides()).chain(named).collect()
    }

    fn of(alerts: Alerts) -> Vec<Option<String>> {
        let checked = alerts.checked().unwrap();
        let rules = checked.rules.iter();
        rules.map(|rule| rule.runbook.clone()).collect()
    }

    #[test]
    fn each_built_in_rule_leads_to_a_page_of_the_guides() {
        let guides = include_str!("../guides.rs");
        let runbooks = of(Alerts::none().rules(built_in()));
        assert_eq!(runbooks.len(), 28);
        let distinct: BTreeSet<_> = runbooks.iter().collect();
        assert_eq!(distinct.len(), 28, "two rules have one page");
        for runbook in runbooks {
            let runbook = runbook.unwrap();
            let path = runbook
                .strip_prefix("https://docs.rs/tower-vitals/latest/")
                .unwrap();
            let name = path
                .strip_prefix("tower_vitals/guides/runbooks/")
                .and_then(|rest| rest.strip_suffix("/index.html"))
                .unwrap();
            let module = format!("        {name}: \"../docs/runbooks/{name}.md\";");
            assert!(guides.contains(&module), "{module} is not in guides.rs");
        }
    }

    #[test]
    fn runbooks_are_where_the_application_has_them_and_a_rules_own_wins() {
        let signal = super::super::Signal::in_flight;
        let alerts = || {
            Alerts::none()
                .rule(presets::many_errors())
                .rule(presets::error_spike().runbook("https://wiki.example.com/mine"))
                .rule(presets::job_overdue("rollup", Duration::from_secs(60)))
                .rule(Rule::new("own", signal()).above(1.0))
        };
        let all = of(alerts().runbooks("https://example.com/runbooks/{name}.md"));
        let of_rules: Vec<_> = all
            .iter()
            .map(|one| one.as_deref().unwrap_or("none"))
            .collect();
        assert_eq!(
            of_rules,
            [
                "https://example.com/runbooks/many_errors.md",
                "https://wiki.example.com/mine",
                "https://example.com/runbooks/job_overdue.md",
                "none",
            ]
        );
    }

    #[test]
    fn runbooks_that_lead_nowhere_are_refused() {
        for address in [
            "",
            "https://example.com/runbooks",
            "ftp://a/{name}",
            "/{name}",
        ] {
            let error = Alerts::default().runbooks(address).checked().unwrap_err();
            let text = error.to_string();
            assert!(text.starts_with("alerts.runbooks: "), "{text}");
        }
        let error = Alerts::default().runbooks("https://a b/{name}").checked();
        let text = error.unwrap_err().to_string();
        assert!(text.contains("high_error_rate.runbook"), "{text}");
    }
}

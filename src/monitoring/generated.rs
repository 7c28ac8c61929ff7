//! Answers with what is generated for Prometheus, Alertmanager and Grafana.

use super::{parameters::Parameters, refusal::Refusal, sources::Sources};
#[cfg(feature = "generate")]
use crate::provisioning::DASHBOARDS;

/// Which of the generated files is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Rules,
    Tests,
    Slo,
    SloTests,
    Alertmanager,
}

/// Which of the dashboards is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct AskedDashboard(&'static str);

// === impl Part ===

impl Part {
    pub(super) fn parse(given: &Parameters<'_>) -> Result<Self, Refusal> {
        let expected = "rules, tests, slo, slo_tests or alertmanager";
        let part = given.one("part", expected, |text| {
            Some(match text {
                "rules" => Self::Rules,
                "tests" => Self::Tests,
                "slo" => Self::Slo,
                "slo_tests" => Self::SloTests,
                "alertmanager" => Self::Alertmanager,
                _ => return None,
            })
        })?;
        Ok(part.unwrap_or(Self::Rules))
    }

    #[cfg(feature = "generate")]
    pub(super) fn text(self, sources: &Sources) -> Result<String, Refusal> {
        let generated = &sources.generated;
        Ok(match self {
            Self::Rules => generated.rules(),
            Self::Tests => generated.rule_tests(),
            Self::Slo => generated.slo_rules(),
            Self::SloTests => generated.slo_tests(),
            #[cfg(feature = "notify")]
            Self::Alertmanager => {
                let told = generated.alertmanager();
                told.ok_or_else(|| Refusal::not_found("there is no notifier"))?
            }
            #[cfg(not(feature = "notify"))]
            Self::Alertmanager => return Err(Refusal::not_found("feature notify is off")),
        })
    }

    #[cfg(not(feature = "generate"))]
    pub(super) fn text(self, _: &Sources) -> Result<String, Refusal> {
        Err(Refusal::not_found("feature generate is off"))
    }
}

// === impl AskedDashboard ===

#[cfg(feature = "generate")]
impl AskedDashboard {
    pub(super) fn parse(name: &str) -> Result<Self, Refusal> {
        let known = DASHBOARDS.into_iter().find(|known| *known == name);
        let found = known.map(Self);
        found.ok_or_else(|| {
            Refusal::not_found(format!(
                "no such dashboard: expected {}",
                DASHBOARDS.join(", ")
            ))
        })
    }

    /// The dashboard with what the application has recorded until now.
    pub(super) fn text(self, sources: &Sources) -> Result<String, Refusal> {
        let generated = sources.generated.clone().recorded(&sources.metrics);
        let mut all = generated.dashboards().into_iter();
        let found = all.find(|dashboard| dashboard.name() == self.0);
        let found = found.ok_or_else(|| Refusal::not_found("no such dashboard"))?;
        Ok(found.into_json())
    }
}

#[cfg(not(feature = "generate"))]
impl AskedDashboard {
    pub(super) fn parse(_: &str) -> Result<Self, Refusal> {
        Err(Refusal::not_found("feature generate is off"))
    }

    pub(super) fn text(self, _: &Sources) -> Result<String, Refusal> {
        Err(Refusal::not_found("feature generate is off"))
    }
}

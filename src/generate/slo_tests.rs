//! Writes the tests of the rules of objectives, which promtool runs.

use std::time::Duration;

use super::{
    alerting::Common,
    scenario::{MANY, Scenario},
    slo::{AT_LEAST, CheckedSlo},
    template,
    test_file::{Test, TestFile, steps},
    tier::Tier,
    values::Values,
};
use crate::alerts::{Published, duration};

const MINUTE: Duration = Duration::from_secs(60);

/// When what goes on since the beginning is judged. A longer window has only this much.
const SOON: Duration = Duration::from_secs(90 * 60);

/// The tests of one objective.
#[derive(Debug)]
struct Tests<'t> {
    slo: &'t CheckedSlo,
    scenario: Scenario<'t>,
    /// What tells apart what is recorded of the objective.
    only: String,
    written: Vec<Test>,
    comments: Vec<String>,
}

/// The tests of these objectives, and what has none.
pub(super) fn of(
    slos: &[CheckedSlo],
    common: &Common<'_>,
    published: &Published<'_>,
) -> (TestFile, Vec<String>) {
    let (mut tests, mut comments) = (Vec::new(), Vec::new());
    for slo in slos {
        let mut of_slo = Tests {
            slo,
            scenario: Scenario::of(slo.errors(), published),
            only: slo.only(common),
            written: Vec::new(),
            comments: Vec::new(),
        };
        if of_slo.write().is_none() {
            let name = slo.name();
            comments.push(format!(
                "{name} has no test: these names have no such metric"
            ));
        }
        tests.append(&mut of_slo.written);
        comments.append(&mut of_slo.comments);
    }
    let file = TestFile {
        rule_files: ["slo.yml"],
        evaluation_interval: duration(MINUTE),
        tests,
    };
    (file, comments)
}

// === impl Tests ===

impl Tests<'_> {
    fn write(&mut self) -> Option<()> {
        // A tier that needs more failures than there are requests never fires.
        let (tiers, others) = self
            .slo
            .tiers()
            .iter()
            .partition::<Vec<&Tier>, _>(|tier| self.slo.limit(tier) < 100.0);
        for tier in others {
            let (name, tier) = (self.slo.name(), tier.name);
            let reason = "its limit is not below 100 %";
            self.comments
                .push(format!("{name}: tier {tier} cannot fire: {reason}"));
        }
        for tier in &tiers {
            self.write_tier(tier)?;
        }
        let few = |number: f64| {
            let values = Values::new([
                (0.0, steps(SOON - MINUTE)),
                (number, 1),
                (0.0, steps(MINUTE)),
            ]);
            self.scenario.series(&values, Some(number))
        };
        let (too_few, enough) = (few(AT_LEAST - 1.0)?, few(AT_LEAST)?);
        let burns = self.alert("SloBudgetBurns", None);
        let test = self.test("does not fire with few requests", too_few);
        self.written.push(test.counts(&burns, SOON, 0));
        let says = format!("fires with {AT_LEAST} requests that fail");
        let all = u8::try_from(tiers.len()).unwrap_or(u8::MAX);
        let test = self.test(&says, enough);
        self.written.push(test.counts(&burns, SOON, all));

        // Half of the budget is spent.
        let failed = (self.slo.budget() / 200.0 * MANY).floor();
        let left = 100.0 - 100.0 * (failed / MANY * 100.0) / self.slo.budget();
        let values = Values::new([(failed, steps(SOON))]);
        let series = self.scenario.series(&values, None)?;
        let shown = format!(
            "(abs(slo:budget_left_percent:30d{} - {left}) < 0.01)",
            self.only
        );
        let test = self.test("shows what is left of the budget", series);
        let without = self.alert("SloWithoutData", None);
        let test = test.counts(&shown, SOON, 1).counts(&without, SOON, 0);
        self.written.push(test);
        let test = self.test("says that there is no data", Vec::new());
        let test = test.counts(&without, SOON, 1).counts(&burns, SOON, 0);
        self.written.push(test);
        Some(())
    }

    fn write_tier(&mut self, tier: &Tier) -> Option<()> {
        let limit = self.slo.limit(tier);
        let good = (limit / 100.0 * MANY + 1e-6).floor();
        let burns = self.alert("SloBudgetBurns", Some(tier));
        let over = tier.short + 2 * MINUTE;
        let values = Values::new([(good + 1.0, steps(SOON)), (0.0, steps(over))]);
        let series = self.scenario.series(&values, None)?;
        let name = tier.name;
        let test = self.test(
            &format!("fires tier {name} above {limit} %, and ends"),
            series,
        );
        let test = test.counts(&burns, SOON, 1).counts(&burns, SOON + over, 0);
        self.written.push(test);
        let values = Values::new([(good, steps(SOON))]);
        let series = self.scenario.series(&values, None)?;
        let test = self.test(&format!("does not fire tier {name} at {limit} %"), series);
        self.written.push(test.counts(&burns, SOON, 0));
        Some(())
    }

    fn test(&self, says: &str, series: Vec<(String, String)>) -> Test {
        Test::new(format!("{} {says}", self.slo.name()), series)
    }

    /// The alerts of the objective that fire, of one tier or of all.
    fn alert(&self, name: &str, tier: Option<&Tier>) -> String {
        let slo = template::string(self.slo.name());
        let tier = tier.map(|tier| format!(",slo_tier=\"{}\"", tier.name));
        let tier = tier.unwrap_or_default();
        format!("ALERTS{{alertname=\"{name}\",alertstate=\"firing\",slo={slo}{tier}}}")
    }
}

//! What people are shown of rules.

use super::{
    states::{Steps, rule},
    *,
};
use crate::alerts::{
    signal::Signal,
    verdict::{Reading, Readings, Verdict},
};

#[test]
fn a_rule_shows_the_value_that_breaks_it_most_or_is_nearest_to_it() {
    let below = Rule::new("b", Signal::requests_per_second()).below(1.0);
    let mut steps = Steps::new([rule("a"), below]);
    let shown = |steps: &Steps| {
        let listed = steps.engine.listed().into_iter();
        listed.map(|rule| rule.value).collect::<Vec<_>>()
    };
    assert_eq!(shown(&steps), [None, None]);
    steps.step_all(&[(0, Verdict::Fine(3.0)), (1, Verdict::Fine(7.0))]);
    assert_eq!(shown(&steps), [Some(3.0), Some(7.0)]);
    let labelled = |rule, endpoint: &str, value| Reading {
        rule,
        labels: labels(&[("endpoint", endpoint)]),
        verdict: Verdict::Fine(value),
    };
    let all = vec![
        labelled(0, "/a", 1.0),
        labelled(0, "/b", 2.0),
        labelled(1, "/a", 5.0),
        labelled(1, "/b", 4.0),
    ];
    let tick = Tick {
        at: steps.at,
        elapsed: MINUTE,
        is_gap: false,
    };
    steps
        .engine
        .step(Part::All, tick, Readings { all, left_out: 0 });
    assert_eq!(shown(&steps), [Some(2.0), Some(4.0)]);
    // What has no data now has no value.
    steps.step_all(&[(0, Verdict::NoData)]);
    assert_eq!(shown(&steps), [None, None]);
}

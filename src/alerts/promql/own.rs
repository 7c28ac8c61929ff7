//! Tells what the application records.

use super::{
    expr::Expr,
    selector::{Range, Selector, can_be_matched},
    share::Counts,
};
use crate::alerts::own::CounterOf;

/// Why a rule cannot be told.
const NO_LABEL: &str = "no series of the application has such a label";

/// The series with this name and at least these labels. They have no prefix and no constant labels.
pub(super) fn series(name: &str, labels: &[(String, String)]) -> Result<Selector, &'static str> {
    let mut selector = Selector::new(name);
    for (label, value) in labels {
        if !can_be_matched(label, value) {
            return Err(NO_LABEL);
        }
        selector = selector.with(label, value);
    }
    Ok(selector)
}

/// By how much two counters grew.
pub(super) fn counts(
    part: &CounterOf,
    whole: &CounterOf,
) -> Result<impl Fn(Range) -> Counts, &'static str> {
    let [part, whole] = [part, whole].map(|counter| series(&counter.name, &counter.labels));
    let (part, whole) = (part?, whole?);
    let sum = |counter: &Selector, range| Expr::call("sum", None, counter.increase(range));
    Ok(move |range| Counts {
        failures: sum(&part, range),
        requests: sum(&whole, range),
        can_lack: true,
    })
}

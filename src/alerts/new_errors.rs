//! Counts the kinds of failures that did not occur before.

use super::{
    checked::CheckedRule,
    signal::Kind,
    tally::{Tallies, Tally},
    windows::{Stretch, Windows},
};

/// How many kinds of failures are new, at one route or at all of them. A kind is a category and a type of error at an endpoint. `None` if it is not
/// known what occurred before.
pub(crate) fn count(windows: &Windows, rule: &CheckedRule, route: Option<&str>) -> Option<usize> {
    let (now, before) = match rule.signal.kind {
        Kind::NewErrors => {
            let before = windows.get(Stretch::RestOfDay(rule.window))?;
            // To a process that has just started, everything is new.
            if before.covered < windows.few.hour {
                return None;
            }
            (windows.last(rule.window)?, before)
        }
        _ => {
            windows.deployed?;
            if !windows.was_deployed_within(rule.window) {
                return Some(0);
            }
            let before = windows.get(Stretch::BeforeDeployment)?;
            // Without a state file, little or nothing is known of the process before.
            if before.covered < windows.few.hour / 2 {
                return None;
            }
            (windows.get(Stretch::SinceDeployment)?, before)
        }
    };
    let of_route = |route: &str| {
        let occurred = now.endpoint(route, None);
        occurred.map_or(0, |tally| new_at(tally, route, before, rule))
    };
    Some(match route {
        Some(route) => of_route(route),
        None => now
            .routes
            .iter()
            .map(|(route, tally)| new_at(tally, route, before, rule))
            .sum(),
    })
}

fn new_at(tally: &Tally, route: &str, before: &Tallies, rule: &CheckedRule) -> usize {
    let wanted = rule.signal.category;
    let categories = tally.categories();
    let mut categories = categories
        .filter(|category| match wanted {
            Some(wanted) => wanted == *category,
            // What a client does wrong can be new at any time.
            None => category.is_of_server(),
        })
        .peekable();
    // Most routes have none, and need no search.
    if categories.peek().is_none() {
        return 0;
    }
    let before = before.endpoint(route, None);
    let new_in = |category| {
        let occurred = before.is_some_and(|before| before.failures(Some(category)) > 0);
        let is_new =
            |error_type: &&str| before.is_none_or(|before| !before.has_type(category, error_type));
        let mut types_before = before.into_iter().flat_map(|before| before.types(category));
        // The types of before can be unknown: they were counted by hand, by an older version, or had no room.
        if occurred && types_before.next().is_none() {
            return 0;
        }
        let new_types = tally.types(category).filter(is_new).count();
        // A failure that was counted by hand has no type.
        new_types.max(usize::from(!occurred))
    };
    categories.map(new_in).sum()
}

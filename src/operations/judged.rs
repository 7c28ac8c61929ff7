//! Judges how something ended by what it returned.

use std::{any::Any, sync::LazyLock};

use crate::facts::{category::ErrorCategory, evidence::Needs, rules::Rules, work::CallOutcome};

/// How something ended that returned this. An error is a timeout if it or one of its causes is known to be one by its type.
pub(super) fn outcome<T, E: 'static>(result: &Result<T, E>) -> CallOutcome {
    match result {
        Ok(_) => CallOutcome::Success,
        Err(error) => of_error(error),
    }
}

fn of_error(error: &dyn Any) -> CallOutcome {
    static BUILT_IN: LazyLock<Rules> = LazyLock::new(Rules::new);
    let error = BUILT_IN.as_error(error);
    let category = error.and_then(|error| BUILT_IN.examine(error, false, Needs::NONE).0.by_type);
    match category {
        Some(ErrorCategory::Timeout) => CallOutcome::Timeout,
        _ => CallOutcome::Error,
    }
}

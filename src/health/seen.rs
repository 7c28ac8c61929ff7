//! Shows the checks with their past.

use tokio::time::Instant;

use super::{
    course::Course,
    handle::Health,
    state::{CheckReport, Entry, Status},
};

/// A check, and what it was like in the last hour.
#[derive(Debug)]
pub(crate) struct SeenCheck {
    pub(crate) report: CheckReport,
    /// When the last answer came.
    pub(crate) answered: Option<Instant>,
    pub(crate) course: Course<Status>,
}

// === impl Health ===

impl Health {
    /// The state of each check, and its past. What is wrong with this crate itself has none.
    pub(crate) fn seen(&self) -> Vec<SeenCheck> {
        let entries = &self.registry.entries;
        let seen = self.reports().into_iter().enumerate();
        seen.map(|(index, report)| {
            // The reports of the entries come first.
            let past = entries.get(index).map(Entry::course);
            let (answered, course) = past.unwrap_or_default();
            SeenCheck {
                report,
                answered,
                course,
            }
        })
        .collect()
    }
}

//! Says what an instance of a fleet notes for the one that is in charge.

use std::time::Duration;

use super::{engine::Engine, fingerprint::Fingerprint, tracked::Acknowledged, wall_clock::Step};

/// What the name of a note about an end begins with.
const ENDED: &str = "ended:";

/// What one instance knows, and the one in charge does not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Note {
    /// Somebody has seen an alert.
    Seen(Fingerprint, Acknowledged),
    /// This instance was alone, and told at this time that an alert has ended.
    Ended(Fingerprint, Duration),
}

// === impl Note ===

impl Note {
    /// Its name. Who has seen an alert first counts, and each end of it.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Seen(fingerprint, _) => fingerprint.to_string(),
            Self::Ended(fingerprint, at) => format!("{ENDED}{fingerprint}:{}", at.as_millis()),
        }
    }

    /// `None` if it cannot be JSON.
    pub(super) fn to_json(&self) -> Option<String> {
        let json = match self {
            Self::Seen(_, seen) => serde_json::to_string(seen),
            Self::Ended(_, at) => serde_json::to_string(at),
        };
        json.ok()
    }

    /// What another instance noted. `None` if a later version wrote it. A clock that was ahead noted times that are still to come.
    pub(super) fn read(name: &str, json: &str, now: Duration) -> Option<Self> {
        if let Some(rest) = name.strip_prefix(ENDED) {
            let (fingerprint, _) = rest.split_once(':')?;
            let at: Duration = serde_json::from_str(json).ok()?;
            return Some(Self::Ended(fingerprint.parse().ok()?, at.min(now)));
        }
        let mut seen: Acknowledged = serde_json::from_str(json).ok()?;
        seen.at = seen.at.min(now);
        Some(Self::Seen(name.parse().ok()?, seen))
    }

    /// The clock was set.
    pub(super) fn shift(&mut self, step: Step) {
        match self {
            Self::Seen(_, seen) => step.apply([&mut seen.at]),
            Self::Ended(_, at) => step.apply([at]),
        }
    }
}

// === impl Engine ===

impl Engine {
    /// Takes what an instance noted.
    pub(super) fn take_note(&mut self, note: &Note) {
        match note {
            Note::Seen(fingerprint, seen) => self.acknowledged_elsewhere(*fingerprint, seen),
            Note::Ended(fingerprint, at) => self.ended_elsewhere(*fingerprint, *at),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alerts::Labels;

    const NOW: Duration = Duration::from_secs(1_800_000_000);

    fn notes(at: Duration) -> [Note; 2] {
        let fingerprint = Fingerprint::of("errors", &Labels::new());
        let by = "ada".to_owned();
        [
            Note::Seen(fingerprint, Acknowledged { by, at }),
            Note::Ended(fingerprint, at),
        ]
    }

    #[test]
    fn a_note_is_read_as_it_was_written_and_never_as_one_of_later() {
        for (at, read) in [(NOW, NOW), (2 * NOW, NOW)] {
            for (note, expected) in notes(at).iter().zip(notes(read)) {
                let json = note.to_json().unwrap();
                assert_eq!(Note::read(&note.name(), &json, NOW), Some(expected));
            }
        }
    }

    #[test]
    fn each_end_of_an_alert_is_a_note_of_its_own() {
        let [seen, ended] = notes(NOW).map(|note| note.name());
        let [seen_later, ended_later] = notes(2 * NOW).map(|note| note.name());
        assert_eq!(seen, seen_later);
        assert_ne!(ended, ended_later);
    }

    #[test]
    fn a_note_of_a_later_version_is_not_read() {
        for name in [
            "sung:f85a8fde4ff0f4c0",
            "ended:f85a8fde4ff0f4c0",
            "ended:x:1",
            "",
        ] {
            assert_eq!(Note::read(name, "7", NOW), None, "{name}");
        }
    }
}

//! Does what people ask for: silences, and notes of who has seen an alert. In a fleet all instances hear of it.

use super::{
    alert::Alert,
    fingerprint::Fingerprint,
    notes::Note,
    running::Running,
    silence::{NewSilence, Silence},
    tracked::Acknowledged,
};
use crate::config::ConfigError;

// === impl Running ===

impl Running {
    /// Adds a silence. In a fleet it acts in all instances at their next evaluation.
    pub(super) fn silence(&self, new: NewSilence) -> Result<Silence, ConfigError> {
        self.change(|watch, now| {
            let Some(member) = self.member() else {
                return watch.engine().silences().add(new, now);
            };
            let (silence, known, last_id) = {
                let mut engine = watch.engine();
                let silences = engine.silences();
                let silence = silences.checked(new, now)?;
                (silence, silences.all().to_vec(), silences.last_id())
            };
            let silence = member
                .outgoing
                .silence(&*member.shared, silence, &known, last_id);
            watch.engine().silences().push(silence.clone());
            Ok(silence)
        })
    }

    /// Ends a silence. `false` if there is none with this number.
    pub(super) fn end_silence(&self, id: u64) -> bool {
        self.change(|watch, _| {
            let was_here = watch.engine().silences().end(id);
            let was_elsewhere = self
                .member()
                .is_some_and(|member| member.outgoing.end_silence(&*member.shared, id));
            was_here || was_elsewhere
        })
    }

    /// Notes that somebody has seen an alert that fires.
    pub(super) fn acknowledge(
        &self,
        fingerprint: Fingerprint,
        by: &str,
    ) -> Result<Alert, ConfigError> {
        self.change(|watch, now| {
            let (alert, is_of_fleet) = {
                let mut engine = watch.engine();
                let alert = engine.acknowledge(fingerprint, by, now)?;
                (alert, engine.is_of_fleet(fingerprint))
            };
            if let Some(member) = self.member().filter(|_| is_of_fleet) {
                let by = by.to_owned();
                let note = Note::Seen(fingerprint, Acknowledged { by, at: now });
                member.outgoing.note(&*member.shared, note);
            }
            Ok(alert)
        })
    }
}

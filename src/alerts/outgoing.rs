//! Shares silences and notes with the other instances of a fleet, later if they are not reached now.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use super::{
    notes::Note,
    shared::{Shared, Unreached},
    silence::{FIRST_ALONE, Silence, TOO_GREAT},
    wall_clock::Step,
    watch::Watch,
};

/// What the others do not know yet.
#[derive(Debug, Default)]
pub(super) struct Outgoing(Mutex<Waiting>);

#[derive(Debug, Default)]
struct Waiting {
    silences: Vec<Silence>,
    /// Those that they know, and that can be missing in what was read at the same time.
    added: Vec<Silence>,
    /// The numbers of silences that have been ended.
    ends: Vec<u64>,
    /// The same of those of which they know it.
    ended: Vec<u64>,
    notes: Vec<Note>,
}

// === impl Outgoing ===

impl Outgoing {
    /// Gives a silence its number, and shares it. If nobody is reached, it is shared later, under the same number.
    pub(super) fn silence(
        &self,
        shared: &dyn Shared,
        mut silence: Silence,
        known: &[Silence],
        last_id: u64,
    ) -> Silence {
        let given = json(&silence).and_then(|json| {
            // After a loss of all data they are there before a new one gets a number.
            let is_kept = known.is_empty() || shared.restore_silences(&listed(known)).is_ok();
            is_kept.then(|| shared.silence(&json, last_id).ok())?
        });
        match given {
            Some(id) => {
                silence.id = id;
                self.waiting().added.push(silence.clone());
            }
            None => {
                silence.id = fastrand::u64(FIRST_ALONE..TOO_GREAT);
                self.waiting().silences.push(silence.clone());
            }
        }
        silence
    }

    /// Ends a silence for all. `false` if the others know none with this number.
    pub(super) fn end_silence(&self, shared: &dyn Shared, id: u64) -> bool {
        let is_other = |silence: &Silence| silence.id != id;
        let mut waiting = self.waiting();
        waiting.silences.retain(is_other);
        waiting.added.retain(is_other);
        drop(waiting);
        match shared.end_silence(id) {
            Ok(ended) => {
                self.waiting().ended.push(id);
                ended
            }
            Err(Unreached) => {
                self.waiting().ends.push(id);
                false
            }
        }
    }

    /// Tells who is in charge.
    pub(super) fn note(&self, shared: &dyn Shared, note: Note) {
        if send(shared, &note).is_err() {
            self.note_later(note);
        }
    }

    /// Tells who is in charge, once it is reached.
    pub(super) fn note_later(&self, note: Note) {
        self.waiting().notes.push(note);
    }

    /// The notes that nobody else has. This instance is in charge.
    pub(super) fn take_notes(&self) -> Vec<Note> {
        std::mem::take(&mut self.waiting().notes)
    }

    /// The clock was set.
    pub(super) fn shift(&self, step: Step) {
        let mut waiting = self.waiting();
        let Waiting {
            silences,
            added,
            notes,
            ..
        } = &mut *waiting;
        let silences = silences.iter_mut().chain(added);
        silences.for_each(|silence| silence.shift(step));
        notes.iter_mut().for_each(|note| note.shift(step));
    }

    /// Sends what waits, and takes the silences of all. Gives the numbers of those that have ended.
    pub(super) fn sent(
        &self,
        shared: &dyn Shared,
        watch: &Watch,
        all: Option<Vec<(u64, String)>>,
        now: Duration,
    ) -> Vec<u64> {
        let waiting = std::mem::take(&mut *self.waiting());
        let mut left = Waiting::default();
        // Nobody waits for more than one answer that does not come.
        let mut is_lost = false;
        for id in &waiting.ends {
            is_lost = is_lost || shared.end_silence(*id).is_err();
            left.ends.extend(is_lost.then_some(*id));
        }
        for note in waiting.notes {
            is_lost = is_lost || send(shared, &note).is_err();
            left.notes.extend(is_lost.then_some(note));
        }
        if all.is_none() && !is_lost {
            // All data were lost: this instance has them still.
            let known = watch.engine().silences().all().to_vec();
            if !known.is_empty() {
                // Else the next answer says so again.
                let _ = shared.restore_silences(&listed(&known));
            }
        }
        let new = waiting.silences;
        if !new.is_empty() && (is_lost || shared.put_silences(&listed(&new)).is_err()) {
            left.silences.clone_from(&new);
        }
        let mut ended = Vec::new();
        if let Some(all) = all {
            let read = all.into_iter().filter_map(|(id, json)| {
                let mut silence: Silence = serde_json::from_str(&json).ok()?;
                silence.id = id;
                Some(silence.not_after(now))
            });
            let (over, running): (Vec<_>, Vec<_>) = read
                .chain(new)
                .chain(waiting.added)
                .partition(|silence| silence.until <= now);
            ended.extend(over.iter().map(|silence| silence.id));
            let running = running.into_iter();
            let ends = [waiting.ends, waiting.ended].concat();
            let running = running.filter(|silence| !ends.contains(&silence.id));
            watch.engine().silences().replace(running);
        }
        let mut waits = self.waiting();
        waits.silences.extend(left.silences);
        waits.ends.extend(left.ends);
        waits.notes.extend(left.notes);
        ended
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn json(silence: &Silence) -> Option<String> {
    serde_json::to_string(silence).ok()
}

fn listed(silences: &[Silence]) -> Vec<(u64, String)> {
    let silences = silences.iter();
    silences
        .filter_map(|silence| Some((silence.id, json(silence)?)))
        .collect()
}

fn send(shared: &dyn Shared, note: &Note) -> Result<(), Unreached> {
    // What cannot be written is not waited for.
    let json = note.to_json();
    json.map_or(Ok(()), |json| shared.note(&note.name(), &json))
}

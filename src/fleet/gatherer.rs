//! Adds up the oldest starts that were short, so that a service that starts again and again does not fill Redis: what they counted stays.
//!
//! A start of which there are too many is added to one that stands for all of its ten minutes. All that they counted is placed at their
//! last sign of life, so no window has less than before.

use std::{collections::BTreeMap, fmt, time::Duration};

use redis::{Pipeline, Value};

use super::{
    ask::Ask,
    commands::{expire, hashes},
    entry::Entry,
    gathered::Gathered,
    keys::{Keys, StartId},
    link_error::LinkError,
    listed::Listed,
    running::Running,
    schedule::Schedule,
    writer,
};
use crate::emit;

/// So many starts are listed. More are listed only if they live, or lived longer than [`SHORT`].
const MOST: usize = 2_000;

/// The longest life of a start that is added to others, and of how long those are that are added to one, in milliseconds. A start
/// that gave no sign of life for longer has ended: one that was frozen or cut off, and goes on, writes all that it counted again.
const SHORT: u64 = 600_000;

/// After so long, in milliseconds, a start that said that it ends writes no more.
const SILENT: u64 = 60_000;

/// How many starts are added at a time, and at most in a minute.
const AT_A_TIME: usize = 100;
const IN_A_MINUTE: usize = 5_000;

/// For how long nobody else does it, in milliseconds. It is less than the minute after which the next one does.
const TURN: u64 = 50_000;

/// For how long what a start wrote stays for those who read it now, in milliseconds.
const READ_FOR: u64 = 120_000;

/// Puts the counts of several starts in the place of these.
pub(super) const SCRIPT: &str = include_str!("gather.lua");

/// Adds up old starts, once a minute.
pub(crate) struct Gatherer {
    asks: Box<dyn Ask + Send>,
    keys: Keys,
    most: usize,
    /// The log has said that there are many.
    has_told: bool,
}

/// A start that ended, and was short.
struct Ended {
    start: StartId,
    entry: Entry,
    seen: u64,
}

// === impl Gatherer ===

impl Gatherer {
    pub(crate) fn of(running: &Running) -> Self {
        Self::new(Box::new(running.link()), running.keys().clone(), MOST)
    }

    fn new(asks: Box<dyn Ask + Send>, keys: Keys, most: usize) -> Self {
        Self {
            asks,
            keys,
            most,
            has_told: false,
        }
    }

    /// Adds up what is too many, if it is the turn of this instance. If Redis does not answer, the next minute is early enough.
    pub(crate) fn gather(&mut self) {
        let gathered = self.try_to_gather().unwrap_or_default();
        if gathered > 0 && !self.has_told {
            self.has_told = true;
            let most = self.most;
            emit::tell(move || {
                tracing::warn!(
                    target: "tower_vitals",
                    most,
                    "this service starts again and again: the oldest starts are listed no more, and what they counted stays"
                );
            });
        }
    }

    /// How many starts are listed no more.
    fn try_to_gather(&mut self) -> Result<usize, LinkError> {
        let mut turn = Pipeline::new();
        let set = turn.cmd("SET").arg(self.keys.gatherer()).arg("1");
        set.arg("NX").arg("PX").arg(TURN);
        if self.asks.values(&turn)?.first() == Some(&Value::Nil) {
            return Ok(0);
        }
        let mut slots: BTreeMap<(u64, u64), Vec<Ended>> = BTreeMap::new();
        for ended in self.too_many()? {
            let slot = (ended.seen / SHORT, ended.entry.grid);
            slots.entry(slot).or_default().push(ended);
        }
        let mut many = 0;
        for ((slot, grid), all) in slots {
            for some in all.chunks(AT_A_TIME) {
                many += self.add(StartId::of_slot(slot, grid), some)?;
            }
        }
        Ok(many)
    }

    /// The oldest starts that are too many.
    fn too_many(&mut self) -> Result<Vec<Ended>, LinkError> {
        let Listed { now, starts } = Listed::read(&mut *self.asks, &self.keys)?;
        let starts = starts.into_iter().filter_map(|(start, entry, seen)| {
            let seen = seen?;
            Some(Ended { start, entry, seen })
        });
        let listed: Vec<_> = starts.filter(|one| one.entry.starts == 0).collect();
        let many = listed.len().saturating_sub(self.most).min(IN_A_MINUTE);
        let mut ended: Vec<_> = listed
            .into_iter()
            .filter(|one| one.has_ended(now))
            .collect();
        ended.sort_by_key(|one| (one.seen, one.start));
        ended.truncate(many);
        Ok(ended)
    }

    /// Adds starts to the one that stands for them. Gives how many were added.
    fn add(&mut self, to: StartId, some: &[Ended]) -> Result<usize, LinkError> {
        let starts = [to].into_iter().chain(some.iter().map(|one| one.start));
        let keys = starts.flat_map(|start| hashes_of(&self.keys, start));
        let read = hashes(&mut *self.asks, keys.collect())?;
        let mut read = read.chunks_exact(3);
        let Some(mut gathered) = read.next().and_then(Gathered::of) else {
            return Ok(0);
        };
        let before = gathered.at();
        let mut added = Vec::new();
        for (one, hashes) in some.iter().zip(read) {
            // What a later version counts stays as it is.
            if gathered.add(one.start, hashes) {
                added.push(one);
            }
        }
        let Some(last) = added.iter().map(|one| one.seen).max() else {
            return Ok(0);
        };
        let at = last.max(before.map_or(0, |before| before + 1));
        let entry = added.first().map(|one| &one.entry);
        let kept = entry.map_or(0, |entry| {
            Schedule::new(Duration::from_millis(entry.tick)).kept()
        });
        let known = self.listed(to)?;
        let Some(entry) = entry.map(|entry| gathered_entry(entry, at, known + added.len() as u64))
        else {
            return Ok(0);
        };
        let mut pipeline = Pipeline::new();
        let call = pipeline.cmd("EVAL").arg(SCRIPT).arg(5);
        call.arg(self.keys.instances()).arg(self.keys.seen());
        call.arg(&hashes_of(&self.keys, to));
        call.arg(before.map_or_else(String::new, |before| before.to_string()))
            .arg(kept)
            .arg(to.to_string())
            .arg(entry.to_json())
            .arg(at)
            .arg(added.len());
        for one in &added {
            call.arg(one.start.to_string());
        }
        for fields in gathered.hashes(at) {
            call.arg(2 * fields.len());
            for (field, value) in fields {
                call.arg(field).arg(value);
            }
        }
        let is_done = self.asks.values(&pipeline)?.first() == Some(&Value::Int(1));
        if !is_done {
            // Somebody else has done it.
            return Ok(0);
        }
        self.let_go(&added, &gathered)?;
        Ok(added.len())
    }

    /// For how many starts one stands.
    fn listed(&mut self, start: StartId) -> Result<u64, LinkError> {
        let mut pipeline = Pipeline::new();
        let get = pipeline.cmd("HGET").arg(self.keys.instances());
        get.arg(start.to_string());
        let answers = self.asks.values(&pipeline)?;
        let entry = match answers.first() {
            Some(Value::BulkString(entry)) => Entry::read(entry),
            _ => None,
        };
        Ok(entry.map_or(0, |entry| entry.starts))
    }

    /// Lets what these starts wrote run out soon: somebody may be reading it.
    fn let_go(&mut self, added: &[&Ended], gathered: &Gathered) -> Result<(), LinkError> {
        let mut pipeline = Pipeline::new();
        for one in added {
            let copies = gathered.copies_of(one.start);
            let copies = copies.flat_map(|snap| writer::copies(&self.keys, one.start, snap));
            let hashes = hashes_of(&self.keys, one.start).into_iter();
            for key in hashes.chain(copies) {
                expire(&mut pipeline, &key, READ_FOR);
            }
        }
        self.asks.values(&pipeline).map(drop)
    }
}

impl fmt::Debug for Gatherer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gatherer").finish_non_exhaustive()
    }
}

// === impl Ended ===

impl Ended {
    /// Whether it ended, after a short life.
    fn has_ended(&self, now: u64) -> bool {
        let silent = now.saturating_sub(self.seen);
        let least = if self.entry.ended { SILENT } else { SHORT };
        let least = self.entry.tick.saturating_mul(3).max(least);
        silent > least && self.seen.saturating_sub(self.entry.began) <= SHORT
    }
}

fn hashes_of(keys: &Keys, start: StartId) -> [String; 3] {
    [keys.now(start), keys.fine(start), keys.names(start)]
}

/// What stands in the list for so many starts.
fn gathered_entry(like: &Entry, at: u64, starts: u64) -> Entry {
    Entry {
        id: String::new(),
        version: None,
        began: at.saturating_sub(1),
        first: at,
        in_flight: 0,
        ended: true,
        described: serde_json::Value::Null,
        starts,
        ..like.clone()
    }
}

#[cfg(test)]
mod tests;

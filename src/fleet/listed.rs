//! Asks which starts are listed, and when each gave a sign of life last.

use std::collections::HashMap;

use redis::Pipeline;

use super::{
    ask::Ask,
    commands::{another_form, fields, time},
    entry::Entry,
    keys::{Keys, StartId},
    link_error::LinkError,
};

/// The list of the starts, by the clock of Redis: all times are in milliseconds since 1970.
pub(super) struct Listed {
    /// When it was read.
    pub(super) now: u64,
    /// Each with its last sign of life, if there was one.
    pub(super) starts: Vec<(StartId, Entry, Option<u64>)>,
}

// === impl Listed ===

impl Listed {
    /// Reads the list. What cannot be read in it is left out.
    ///
    /// # Errors
    ///
    /// If there is no answer in time, or it is none to this.
    pub(super) fn read(asks: &mut dyn Ask, keys: &Keys) -> Result<Self, LinkError> {
        let mut pipeline = Pipeline::new();
        pipeline.cmd("TIME");
        pipeline.cmd("HGETALL").arg(keys.instances());
        let seen = pipeline.cmd("ZRANGE").arg(keys.seen());
        seen.arg(0).arg(-1).arg("WITHSCORES");
        let answers = asks.values(&pipeline)?;
        let [answered, entries, seen] = &answers[..] else {
            return Err(another_form());
        };
        let now = time(answered).ok_or_else(another_form)?;
        let seen: HashMap<_, _> = fields(seen).into_iter().collect();
        let starts = fields(entries).into_iter().filter_map(|(start, entry)| {
            let seen = seen.get(&start).and_then(|score| milliseconds(score));
            let start = StartId::parse(str::from_utf8(&start).ok()?)?;
            Some((start, Entry::read(&entry)?, seen))
        });
        Ok(Self {
            now,
            starts: starts.collect(),
        })
    }
}

/// A score is a number with a fraction.
fn milliseconds(score: &[u8]) -> Option<u64> {
    let score = str::from_utf8(score).ok()?.parse::<f64>().ok()?;
    Some(score as u64)
}

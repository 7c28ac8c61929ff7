//! Shares one drawing of all sections among everybody who looks, and sends each what is new to them.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use tokio::time::Instant;

use crate::timestamp::{self, rfc3339};

/// How long a drawing is shown at least, and at most.
const EVERY: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(3);

/// How many times as long as it was drawn a drawing is shown. So open pages take half a hundredth of a processor for drawings.
const TIMES: u32 = 200;

/// The most answers that are kept of one drawing: open pages have seen one of the last few.
const MOST_ANSWERS: usize = 16;

/// The longest cursor, in bytes.
const LONGEST_CURSOR: usize = 64;

/// A section: its name, and its value as JSON.
pub(super) type Drawn = (&'static str, Vec<u8>);

/// The last drawing, and who draws the next one.
pub(super) struct Live {
    /// Tells the cursors of this process from those of others.
    epoch: u64,
    clock: Box<dyn Fn() -> Instant + Send + Sync>,
    /// Held while somebody draws.
    turn: Mutex<()>,
    last: Mutex<Option<Arc<Rendering>>>,
}

/// All sections at one moment.
#[derive(Debug)]
pub(in crate::monitoring) struct Rendering {
    epoch: u64,
    /// Until when it is shown.
    until: Instant,
    timestamp: String,
    /// It grows with each drawing that differs from the one before.
    version: u64,
    sections: Vec<Section>,
    /// By the version that the client has seen.
    answers: Mutex<HashMap<Option<u64>, Bytes>>,
}

#[derive(Clone, Debug)]
struct Section {
    name: &'static str,
    value: Bytes,
    /// The version with which it changed.
    changed: u64,
}

/// What a client has seen, as it was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::monitoring) struct Cursor {
    epoch: u64,
    version: u64,
}

// === impl Live ===

impl Live {
    pub(super) fn new() -> Self {
        Self::by_clock(Instant::now)
    }

    fn by_clock(clock: impl Fn() -> Instant + Send + Sync + 'static) -> Self {
        Self {
            epoch: fastrand::u64(..),
            clock: Box::new(clock),
            turn: Mutex::default(),
            last: Mutex::default(),
        }
    }

    /// The last drawing, if it is new enough.
    pub(super) fn fresh(&self) -> Option<Arc<Rendering>> {
        let now = (self.clock)();
        let last = lock(&self.last);
        let fresh = last.as_ref().filter(|one| now < one.until);
        fresh.map(Arc::clone)
    }

    /// The last drawing, or a new one if it is too old. Who comes meanwhile waits for the new one.
    pub(super) fn current(&self, draw: impl FnOnce() -> Vec<Drawn>) -> Arc<Rendering> {
        let _turn = lock(&self.turn);
        if let Some(fresh) = self.fresh() {
            return fresh;
        }
        let at = (self.clock)();
        let drawn = draw();
        let before = lock(&self.last).as_ref().map(Arc::clone);
        let took = (self.clock)().duration_since(at);
        let until = at + took.saturating_mul(TIMES).clamp(EVERY, LONGEST);
        let rendering = Rendering::after(before.as_deref(), self.epoch, until, drawn);
        let rendering = Arc::new(rendering);
        *lock(&self.last) = Some(Arc::clone(&rendering));
        rendering
    }
}

impl fmt::Debug for Live {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Live").finish_non_exhaustive()
    }
}

// === impl Rendering ===

impl Rendering {
    fn after(before: Option<&Self>, epoch: u64, until: Instant, drawn: Vec<Drawn>) -> Self {
        let seen = before.map_or(0, |before| before.version);
        let mut version = seen;
        let sections = drawn.into_iter().map(|(name, value)| {
            let mut known = before.into_iter().flat_map(|before| &before.sections);
            match known.find(|known| known.name == name && known.value == *value) {
                Some(same) => same.clone(),
                None => {
                    version = seen + 1;
                    Section {
                        name,
                        value: value.into(),
                        changed: version,
                    }
                }
            }
        });
        Self {
            sections: sections.collect(),
            epoch,
            until,
            timestamp: rfc3339::since_1970(timestamp::since_1970()).to_string(),
            version,
            answers: Mutex::default(),
        }
    }

    /// What has this tag has the same sections.
    pub(super) fn tag(&self) -> String {
        format!("W/\"{}\"", self.cursor())
    }

    fn cursor(&self) -> String {
        format!("{:016x}-{}", self.epoch, self.version)
    }

    /// The sections that changed since a cursor, or all of them if it is of another process.
    pub(super) fn since(&self, cursor: Option<&Cursor>) -> Bytes {
        let ours = cursor.filter(|one| one.epoch == self.epoch && one.version <= self.version);
        let seen = ours.map(|cursor| cursor.version);
        if let Some(answer) = lock(&self.answers).get(&seen) {
            return answer.clone();
        }
        let answer = self.written(seen);
        let mut answers = lock(&self.answers);
        if answers.len() < MOST_ANSWERS {
            answers.insert(seen, answer.clone());
        }
        answer
    }

    fn written(&self, seen: Option<u64>) -> Bytes {
        // The names, the cursor and the time need no escapes.
        let mut text = format!(
            r#"{{"cursor":"{}","whole":{},"timestamp":"{}""#,
            self.cursor(),
            seen.is_none(),
            self.timestamp
        )
        .into_bytes();
        let is_new = |section: &&Section| seen.is_none_or(|seen| section.changed > seen);
        for section in self.sections.iter().filter(is_new) {
            text.extend(format!(",\"{}\":", section.name).into_bytes());
            text.extend_from_slice(&section.value);
        }
        text.push(b'}');
        text.into()
    }
}

// === impl Cursor ===

impl Cursor {
    /// What a client says that it has seen. Anything can be said: what is no cursor is one of another process.
    pub(in crate::monitoring) fn parse(text: &str) -> Option<Self> {
        if text.len() > LONGEST_CURSOR {
            return None;
        }
        let parsed = text.split_once('-').and_then(|(epoch, version)| {
            let epoch = u64::from_str_radix(epoch, 16).ok()?;
            Some((epoch, version.parse().ok()?))
        });
        let (epoch, version) = parsed.unwrap_or((0, u64::MAX));
        Some(Self { epoch, version })
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;

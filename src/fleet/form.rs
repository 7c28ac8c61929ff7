//! The form of what an instance counted, in the hashes of Redis. The bytes that are read can be anything.
//!
//! A thing that is counted has a number, which its key has in the hash of names. Counts are cumulative since the start of the
//! process. A field of a hash holds the counts of a few numbers that follow each other, packed as in a window, so that many
//! endpoints are few fields. What is 0 takes no bytes.

use super::schedule::Snaps;
use crate::window::{Block, BlockWriter, Known, Numbered, varint, write_key};

/// The version of the form, in [`EPOCH`]. A reader takes no other one.
pub(super) const VERSION: &str = "1";

/// This field marks a hash that was written as a whole.
pub(super) const EPOCH: &str = "epoch";

/// When it was counted, by the clock of Redis: milliseconds since 1970.
pub(super) const AT: &str = "at";

/// How many things of each kind have a number.
const NAMES: &str = "names";

/// Which copies were made.
const SNAPS: &str = "snaps";

/// When the durations were written last.
const FINE: &str = "fine";

/// Begins the names of fields that say when counts changed last, and how many numbers share one.
const LAST: u8 = b'l';
pub(super) const LAST_IN_FIELD: usize = 32;

/// The highest index of a count that is read, and the most names.
pub(super) const MOST: usize = 1 << 20;

/// A field of a hash, and its value.
pub(super) type Field = (Vec<u8>, Vec<u8>);

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    Counts,
    Durations,
}

/// What stands in a hash of counts beside the counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Head {
    /// By the clock of Redis, in milliseconds since 1970.
    pub(super) at: u64,
    /// How many things have a number: of counts, and of durations.
    pub(super) names: [u64; 2],
    pub(super) snaps: Snaps,
    /// When the durations were written last.
    pub(super) fine_at: u64,
}

/// Cumulative counts of a start at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Reading {
    pub(super) head: Head,
    pub(super) block: Block,
    /// By number, the second since 1970 in which its counts changed last. 0 if that is not known.
    pub(super) last: Vec<u32>,
}

// === impl Kind ===

impl Kind {
    pub(super) const BOTH: [Self; 2] = [Self::Counts, Self::Durations];

    /// That of two which is of this kind: what belongs to counts, and what belongs to durations.
    pub(super) fn of<T>(self, [counts, durations]: [T; 2]) -> T {
        match self {
            Self::Counts => counts,
            Self::Durations => durations,
        }
    }

    /// How many numbers share a field. The durations of a thing are many bytes.
    pub(super) const fn numbers_in_field(self) -> u32 {
        match self {
            Self::Counts => 8,
            Self::Durations => 1,
        }
    }

    /// What begins the names of a batch.
    pub(super) const fn letter(self) -> u8 {
        match self {
            Self::Counts => b'c',
            Self::Durations => b'd',
        }
    }
}

// === impl Head ===

impl Head {
    pub(super) fn fields(&self) -> [Field; 4] {
        let mut names = Vec::new();
        for count in self.names {
            varint::write(&mut names, count);
        }
        [
            (AT.into(), self.at.to_string().into()),
            (NAMES.into(), names),
            (SNAPS.into(), self.snaps.to_bytes()),
            (FINE.into(), self.fine_at.to_string().into()),
        ]
    }

    /// Takes a field. Returns `false` if it is none of a head.
    fn take(&mut self, field: &[u8], mut value: &[u8]) -> bool {
        match str::from_utf8(field) {
            Ok(AT) => self.at = number(value),
            Ok(FINE) => self.fine_at = number(value),
            Ok(NAMES) => {
                self.names = self.names.map(|_| varint::read(&mut value).unwrap_or(0));
            }
            Ok(SNAPS) => self.snaps = Snaps::from_bytes(value),
            _ => return false,
        }
        true
    }
}

// === impl Reading ===

impl Reading {
    /// Reads a hash. `None` if it was not written as a whole, or in another form.
    pub(super) fn read(hash: &[Field], kind: Kind) -> Option<Self> {
        let mut head = Head::default();
        let (mut chunks, mut last, mut is_whole) = (Vec::new(), Vec::new(), false);
        for (field, value) in hash {
            if field == EPOCH.as_bytes() {
                is_whole = value == VERSION.as_bytes();
            } else if let Some(group) = group_of(field) {
                take_last(&mut last, group, value);
            } else if !head.take(field, value) {
                let mut rest = &**field;
                let chunk = varint::read(&mut rest).filter(|_| rest.is_empty());
                let chunk = chunk.and_then(|chunk| u32::try_from(chunk).ok());
                // Something of a later version is left out.
                chunks.extend(chunk.map(|chunk| (chunk, value)));
            }
        }
        if !is_whole {
            return None;
        }
        chunks.sort_unstable_by_key(|(chunk, _)| *chunk);
        let size = kind.numbers_in_field();
        let mut block = BlockWriter::default();
        for (chunk, value) in chunks {
            let first = chunk.checked_mul(size)?;
            let part = Block::checked(value, |number| (number < size).then_some(MOST))?;
            for entry in part.entries() {
                block.entry(first.checked_add(entry.series)?, entry.body);
            }
        }
        Some(Self {
            head,
            block: block.finish(),
            last,
        })
    }

    /// When the counts of a number changed last, in milliseconds since 1970: in the tick before that.
    pub(super) fn changed(&self, number: u32) -> u64 {
        let second = self.last.get(number as usize).copied().unwrap_or_default();
        match second {
            // An earlier version does not say it.
            0 => self.head.at,
            second => (u64::from(second) * 1_000).min(self.head.at),
        }
    }
}

/// The fields of cumulative counts: the number of each, and its value.
pub(super) fn chunks(counts: &Numbered<'_>, kind: Kind) -> Vec<(u32, Vec<u8>)> {
    let size = kind.numbers_in_field();
    let chunks = counts.chunk_by(|one, next| one.0 / size == next.0 / size);
    let mut all = Vec::new();
    for chunk in chunks {
        let mut block = BlockWriter::default();
        for (number, counts) in chunk {
            block.counts(number % size, counts.iter().copied());
        }
        let block = block.finish();
        if let Some((number, _)) = chunk.first()
            && !block.bytes().is_empty()
        {
            all.push((number / size, block.bytes().to_vec()));
        }
    }
    all
}

/// The name of the field of a chunk. It has one byte, or more with a first one above 127, so it is no text of the others.
pub(super) fn field(chunk: u32) -> Vec<u8> {
    let mut name = Vec::new();
    varint::write(&mut name, chunk.into());
    name
}

/// The field that says when each number of a group changed last, in seconds since 1970. It counts back from the one that changed last.
pub(super) fn last(group: usize, seconds: &[u32]) -> Field {
    let mut field = vec![LAST];
    varint::write(&mut field, group as u64);
    let newest = seconds.iter().copied().max().unwrap_or_default();
    let mut value = Vec::new();
    varint::write(&mut value, newest.into());
    for one in seconds {
        let before = u64::from(newest.saturating_sub(*one)) + 1;
        varint::write(&mut value, if *one == 0 { 0 } else { before });
    }
    (field, value)
}

/// The group of a field that says when counts changed last.
fn group_of(field: &[u8]) -> Option<usize> {
    let mut rest = field.strip_prefix(&[LAST])?;
    let group = varint::read(&mut rest).filter(|_| rest.is_empty())?;
    let group = usize::try_from(group).ok()?;
    (group < MOST / LAST_IN_FIELD).then_some(group)
}

fn take_last(last: &mut Vec<u32>, group: usize, mut value: &[u8]) {
    let Some(newest) = varint::read(&mut value) else {
        return;
    };
    let first = group * LAST_IN_FIELD;
    if last.len() < first + LAST_IN_FIELD {
        last.resize(first + LAST_IN_FIELD, 0);
    }
    for place in last.iter_mut().skip(first).take(LAST_IN_FIELD) {
        let Some(before) = varint::read(&mut value) else {
            return;
        };
        let seconds = before
            .checked_sub(1)
            .map(|before| newest.saturating_sub(before));
        *place = u32::try_from(seconds.unwrap_or_default()).unwrap_or(u32::MAX);
    }
}

/// The names from a number on, as one field of the hash of names.
pub(super) fn names(kind: Kind, first: usize, known: &[Known]) -> Field {
    let mut field = vec![kind.letter()];
    field.extend(first.to_string().into_bytes());
    let (mut value, mut one) = (Vec::new(), Vec::new());
    for known in known {
        one.clear();
        write_key(&mut one, &known.key);
        varint::write(&mut value, one.len() as u64);
        value.extend(&one);
    }
    (field, value)
}

fn number(text: &[u8]) -> u64 {
    let text = str::from_utf8(text).ok();
    text.and_then(|text| text.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests;

//! Reads what an earlier process wrote. The bytes can be anything.

use std::{
    collections::{HashMap, HashSet},
    error::Error,
    fmt,
    sync::Arc,
};

use http::Method;

use super::{
    block::Block,
    encode::{
        DURATIONS, ERROR_TYPE, ERRORS, MOST_KEYS, MOST_SLOTS, OLDEST, REQUESTS, TOTALS, VERSION,
        WORK, WORK_DURATIONS,
    },
    level::Slot,
    moment::LATEST,
    numbers,
    settings::Settings,
    varint,
};
use crate::{
    facts::{
        category::ErrorCategory,
        labels::{MethodLabel, StatusLabel},
        work::{CallOutcome, Work},
    },
    metrics::readings::Key,
};

/// What an earlier process counted. The blocks of the slots have the indices of `keys` as numbers.
#[derive(Debug)]
pub(crate) struct Stored {
    pub(super) keys: Vec<Key>,
    pub(super) counts: Vec<Slot>,
    /// None if they were counted in other buckets.
    pub(super) durations: Vec<Slot>,
}

/// Bytes that are not what a window wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FormatError {
    reason: &'static str,
}

/// Reads names that are there more than once into the same memory.
#[derive(Debug, Default)]
struct Names<'a> {
    names: HashMap<&'a str, Arc<str>>,
}

// === impl Stored ===

impl Stored {
    /// Reads what `Ring::write` wrote.
    ///
    /// # Errors
    ///
    /// Fails if the bytes are anything else, or were written with slots of another length.
    pub(crate) fn from_bytes(mut bytes: &[u8], settings: &Settings) -> Result<Self, FormatError> {
        let bytes = &mut bytes;
        if !(OLDEST..=VERSION).contains(&byte(bytes)?) {
            return Err(FormatError::new("another version"));
        }
        if varint(bytes)? != settings.slot {
            return Err(FormatError::new("slots of another length"));
        }
        let grid = *bytes.split_first_chunk().ok_or(TORN)?.0;
        *bytes = bytes.get(8..).unwrap_or_default();
        let same_grid = u64::from_le_bytes(grid) == settings.grid;
        let keys = keys(bytes)?;
        let length = |series: u32, durations: bool| {
            let key = keys.get(series as usize)?;
            let fits = key.is_of_durations() == durations;
            fits.then_some(numbers::length(key, settings.buckets))
        };
        let counts = slots(bytes, |bytes| {
            Block::checked(bytes, |series| length(series, false))
        })?;
        let durations = slots(bytes, |bytes| match same_grid {
            true => Block::checked(bytes, |series| length(series, true)),
            false => Some(Block::default()),
        })?;
        if !bytes.is_empty() {
            return Err(FormatError::new("more than was written"));
        }
        let durations = if same_grid { durations } else { Vec::new() };
        Ok(Self {
            keys,
            counts,
            durations,
        })
    }
}

// === impl FormatError ===

const TORN: FormatError = FormatError::new("torn");

impl FormatError {
    const fn new(reason: &'static str) -> Self {
        Self { reason }
    }
}

impl fmt::Display for FormatError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no stored window: {}", self.reason)
    }
}

impl Error for FormatError {}

// === impl Names ===

impl<'a> Names<'a> {
    fn read(&mut self, bytes: &mut &'a [u8]) -> Result<Arc<str>, FormatError> {
        let name = str::from_utf8(part(bytes)?);
        let name = name.map_err(|_| FormatError::new("a name that is no text"))?;
        let kept = self.names.entry(name).or_insert_with(|| name.into());
        Ok(Arc::clone(kept))
    }
}

fn keys(bytes: &mut &[u8]) -> Result<Vec<Key>, FormatError> {
    let count = count(bytes, MOST_KEYS)?;
    let mut names = Names::default();
    let (mut keys, mut seen) = (Vec::new(), HashSet::new());
    for _ in 0..count {
        let key = key(bytes, &mut names)?;
        if !seen.insert(key.clone()) {
            return Err(FormatError::new("a key that is there twice"));
        }
        keys.push(key);
    }
    Ok(keys)
}

/// One key, and nothing behind it. `None` if it is none, or one of a later version.
pub(crate) fn read_key(mut bytes: &[u8]) -> Option<Key> {
    let key = key(&mut bytes, &mut Names::default()).ok()?;
    bytes.is_empty().then_some(key)
}

fn key<'a>(bytes: &mut &'a [u8], names: &mut Names<'a>) -> Result<Key, FormatError> {
    Ok(match byte(bytes)? {
        TOTALS => Key::Totals,
        REQUESTS => Key::Requests {
            endpoint: names.read(bytes)?,
            method: method(bytes)?,
            status: status(bytes)?,
        },
        ERRORS => Key::Errors {
            endpoint: names.read(bytes)?,
            category: category(bytes)?,
        },
        ERROR_TYPE => Key::ErrorType {
            endpoint: names.read(bytes)?,
            category: category(bytes)?,
            error_type: names.read(bytes)?,
        },
        DURATIONS => Key::Durations {
            endpoint: names.read(bytes)?,
            method: method(bytes)?,
        },
        WORK => {
            let name = names.read(bytes)?;
            let (work, detail) = work(bytes)?;
            Key::Work {
                work,
                name,
                detail,
                outcome: outcome(bytes)?,
            }
        }
        WORK_DURATIONS => {
            let name = names.read(bytes)?;
            let (work, detail) = work(bytes)?;
            Key::WorkDurations { work, name, detail }
        }
        _ => return Err(FormatError::new("an unknown key")),
    })
}

fn slots(
    bytes: &mut &[u8],
    block: impl Fn(&[u8]) -> Option<Block>,
) -> Result<Vec<Slot>, FormatError> {
    let count = count(bytes, MOST_SLOTS)?;
    let mut slots = Vec::new();
    let mut last = 0;
    for _ in 0..count {
        let begin = varint(bytes)?;
        let length = varint(bytes)?;
        let covered = varint(bytes)?;
        let end = begin.saturating_add(length);
        if begin < last || length == 0 || covered > length || end > LATEST {
            return Err(FormatError::new("a slot at no possible time"));
        }
        last = end;
        let block = block(part(bytes)?).ok_or(FormatError::new("a slot without sense"))?;
        slots.push(Slot {
            begin,
            end,
            covered,
            restored: true,
            quarters: 0,
            block,
        });
    }
    Ok(slots)
}

fn method(bytes: &mut &[u8]) -> Result<MethodLabel, FormatError> {
    let name = MethodLabel::ALL.get(usize::from(byte(bytes)?));
    let method = name.and_then(|name| Method::from_bytes(name.as_bytes()).ok());
    let method = method.ok_or(FormatError::new("an unknown method"))?;
    Ok(MethodLabel::new(&method))
}

fn status(bytes: &mut &[u8]) -> Result<StatusLabel, FormatError> {
    let code = u16::try_from(varint(bytes)?).ok();
    let code = code.filter(|code| *code == 0 || (100..600).contains(code));
    let code = code.ok_or(FormatError::new("an unknown status"))?;
    Ok(StatusLabel::at(code))
}

fn category(bytes: &mut &[u8]) -> Result<ErrorCategory, FormatError> {
    let category = ErrorCategory::ALL.get(usize::from(byte(bytes)?));
    category
        .copied()
        .ok_or(FormatError::new("an unknown category"))
}

/// A kind of work, and its detail, which only queries have.
fn work(bytes: &mut &[u8]) -> Result<(Work, u8), FormatError> {
    let work = Work::ALL.get(usize::from(byte(bytes)?));
    let work = *work.ok_or(FormatError::new("an unknown kind of work"))?;
    let detail = byte(bytes)?;
    if usize::from(detail) >= work.details() {
        return Err(FormatError::new("an unknown operation"));
    }
    Ok((work, detail))
}

fn outcome(bytes: &mut &[u8]) -> Result<Option<CallOutcome>, FormatError> {
    let index = usize::from(byte(bytes)?);
    if index >= CallOutcome::INDICES {
        return Err(FormatError::new("an unknown outcome"));
    }
    Ok(CallOutcome::at(index))
}

fn count(bytes: &mut &[u8], most: usize) -> Result<usize, FormatError> {
    let count = usize::try_from(varint(bytes)?).ok();
    let count = count.filter(|count| *count <= most);
    count.ok_or(FormatError::new("more than fits"))
}

/// Bytes with their length before them.
fn part<'a>(bytes: &mut &'a [u8]) -> Result<&'a [u8], FormatError> {
    let length = usize::try_from(varint(bytes)?).ok();
    let split = length.and_then(|length| bytes.split_at_checked(length));
    let (part, rest) = split.ok_or(TORN)?;
    *bytes = rest;
    Ok(part)
}

fn byte(bytes: &mut &[u8]) -> Result<u8, FormatError> {
    let (byte, rest) = bytes.split_first().ok_or(TORN)?;
    *bytes = rest;
    Ok(*byte)
}

fn varint(bytes: &mut &[u8]) -> Result<u64, FormatError> {
    varint::read(bytes).ok_or(TORN)
}

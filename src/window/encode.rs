//! Writes the last day into bytes, as a later process reads them.
//!
//! Numbers are varints. After the version, the length of a slot and the grid come the keys, then the slots with counts, then
//! those with durations. A slot has its beginning, its length, how much of it was observed, and its block.

use std::collections::HashMap;

use super::{
    difference,
    level::Slot,
    moment::Time,
    numbers::{self, Known, Numbered, Numbers},
    settings::Settings,
    track::Track,
    varint,
};
use crate::{
    facts::{
        labels::MethodLabel,
        work::{CallOutcome, Work},
    },
    metrics::readings::{Key, requests, work},
};

/// The version of the form. Who knows only an earlier one cannot read it: it has more kinds of keys.
pub(super) const VERSION: u8 = 3;

/// The earliest version that is read. It had requests and errors; the second one has other work, too, and the third one types of errors.
pub(super) const OLDEST: u8 = 1;

/// The most keys that are written or read.
pub(super) const MOST_KEYS: usize = 100_000;

/// The most slots of one kind that are written or read. A day has 145.
pub(super) const MOST_SLOTS: usize = 1_000;

/// The kinds of keys.
pub(super) const TOTALS: u8 = 0;
pub(super) const REQUESTS: u8 = 1;
pub(super) const ERRORS: u8 = 2;
pub(super) const DURATIONS: u8 = 3;
pub(super) const WORK: u8 = 4;
pub(super) const WORK_DURATIONS: u8 = 5;
pub(super) const ERROR_TYPE: u8 = 6;

/// The most bytes of what is written once.
const HEAD: usize = 60;

/// The most bytes of a slot without its block, and of a key without its name.
const SLOT: usize = 40;
const KEY: usize = 20;

/// What an endpoint needs, or a name of other work.
#[derive(Debug, Default)]
struct Needed {
    /// Its requests, or how often it was done.
    uses: u64,
    keys: usize,
    bytes: usize,
}

/// To what keys belong. See [`numbers::owner`].
type Owner<'a> = Option<(Option<Work>, &'a str)>;

/// The longest slots of a track with the open one, in wall times. What is of one stretch between multiples of the length, such
/// as what several processes counted, is one slot.
pub(super) fn slots(track: &Track, live: &Numbered<'_>, time: Time) -> Vec<Slot> {
    let level = track.coarsest();
    let (added, _) = difference::step(&level.base, live);
    let open = Slot {
        begin: level.since,
        end: time.until,
        covered: time.until.saturating_sub(level.since),
        restored: false,
        quarters: 0,
        block: added,
    };
    let mut slots: Vec<Slot> = Vec::new();
    for slot in level.slots.iter().chain([&open]) {
        let (begin, end) = (time.shown(slot.begin), time.shown(slot.end));
        if begin >= end {
            continue;
        }
        match slots.last_mut() {
            Some(last) if last.begin / level.length == begin / level.length => {
                last.end = end;
                last.covered += slot.covered;
                last.block = last.block.plus(&slot.block);
            }
            _ => slots.push(Slot {
                begin,
                end,
                ..slot.clone()
            }),
        }
    }
    slots.drain(..slots.len().saturating_sub(MOST_SLOTS));
    slots
}

/// Everything in at most `limit` bytes, and how many endpoints and names were left out.
pub(super) fn to_bytes(
    settings: &Settings,
    numbers: &Numbers,
    counts: &[Slot],
    durations: &[Slot],
    limit: usize,
) -> (Vec<u8>, usize) {
    let fixed = HEAD + SLOT * (counts.len() + durations.len());
    let (chosen, left_out) = choose(numbers, counts, durations, limit.saturating_sub(fixed));
    let mut count = 0;
    let renumbered = chosen.iter().map(|chosen| {
        let number = chosen.then_some(count);
        count += u32::from(*chosen);
        number
    });
    let renumbered: Vec<Option<u32>> = renumbered.collect();

    let mut bytes = vec![VERSION];
    varint::write(&mut bytes, settings.slot);
    bytes.extend(settings.grid.to_le_bytes());
    varint::write(&mut bytes, u64::from(count));
    for (known, chosen) in numbers.all().iter().zip(&chosen) {
        if *chosen {
            write_key(&mut bytes, &known.key);
        }
    }
    for slots in [counts, durations] {
        let slots = if fixed > limit { &[] } else { slots };
        varint::write(&mut bytes, slots.len() as u64);
        for slot in slots {
            let block = slot.block.renumbered(&renumbered);
            varint::write(&mut bytes, slot.begin);
            varint::write(&mut bytes, slot.end - slot.begin);
            varint::write(&mut bytes, slot.covered);
            varint::write(&mut bytes, block.bytes().len() as u64);
            bytes.extend(block.bytes());
        }
    }
    (bytes, left_out)
}

/// Which series have room, by number: those of the busiest endpoints and names. Also tells how many of these have none.
fn choose(
    numbers: &Numbers,
    counts: &[Slot],
    durations: &[Slot],
    mut room: usize,
) -> (Vec<bool>, usize) {
    let mut owners: HashMap<Owner<'_>, Needed> = HashMap::new();
    let mut written = vec![false; numbers.all().len()];
    for slot in counts.iter().chain(durations) {
        for entry in slot.block.entries() {
            let Some(Known { key, .. }) = numbers.get(entry.series) else {
                continue;
            };
            let owner = numbers::owner(key);
            let needed = owners.entry(owner).or_default();
            needed.bytes += entry.most_bytes();
            let uses = match key {
                Key::Requests { .. } => Some(requests::ALL),
                Key::Work { .. } => Some(work::CALLS),
                _ => None,
            };
            let uses = uses.and_then(|uses| entry.pairs().find(|pair| pair.0 == uses));
            let uses = uses.map_or(0, |(_, count)| count);
            needed.uses = needed.uses.saturating_add(uses);
            match written.get_mut(entry.series as usize) {
                Some(written) if !*written => {
                    *written = true;
                    needed.keys += 1;
                    needed.bytes += KEY + numbers::names(key).map(str::len).sum::<usize>();
                }
                _ => {}
            }
        }
    }
    let mut by_use: Vec<_> = owners.iter().collect();
    // All requests together come first.
    by_use.sort_unstable_by_key(|(owner, needed)| {
        (owner.is_some(), std::cmp::Reverse(needed.uses), **owner)
    });
    let mut keys = MOST_KEYS;
    let fit = by_use.iter().take_while(|(_, needed)| {
        let fits = needed.bytes <= room && needed.keys <= keys;
        room = room.saturating_sub(needed.bytes);
        keys = keys.saturating_sub(needed.keys);
        fits
    });
    let fit = fit.count();
    let left_out = by_use.iter().skip(fit).map(|(owner, _)| **owner);
    let mut left_out: Vec<_> = left_out.collect();
    left_out.sort_unstable();
    for (known, written) in numbers.all().iter().zip(&mut written) {
        let owner = numbers::owner(&known.key);
        *written = *written && left_out.binary_search(&owner).is_err();
    }
    let left_out = left_out.iter().filter(|owner| owner.is_some()).count();
    (written, left_out)
}

pub(crate) fn write_key(bytes: &mut Vec<u8>, key: &Key) {
    let mut text = |kind, text: &str| {
        bytes.push(kind);
        write_text(bytes, text);
    };
    match key {
        Key::Totals => bytes.push(TOTALS),
        Key::Requests {
            endpoint,
            method,
            status,
        } => {
            text(REQUESTS, endpoint);
            bytes.push(index(*method));
            varint::write(bytes, status.code().into());
        }
        Key::Errors { endpoint, category } => {
            text(ERRORS, endpoint);
            bytes.push(*category as u8);
        }
        Key::ErrorType {
            endpoint,
            category,
            error_type,
        } => {
            text(ERROR_TYPE, endpoint);
            bytes.push(*category as u8);
            write_text(bytes, error_type);
        }
        Key::Durations { endpoint, method } => {
            text(DURATIONS, endpoint);
            bytes.push(index(*method));
        }
        Key::Work {
            work,
            name,
            detail,
            outcome,
        } => {
            text(WORK, name);
            bytes.extend([*work as u8, *detail, CallOutcome::index(*outcome)]);
        }
        Key::WorkDurations { work, name, detail } => {
            text(WORK_DURATIONS, name);
            bytes.extend([*work as u8, *detail]);
        }
    }
}

fn write_text(bytes: &mut Vec<u8>, text: &str) {
    varint::write(bytes, text.len() as u64);
    bytes.extend(text.as_bytes());
}

fn index(method: MethodLabel) -> u8 {
    u8::try_from(method.index()).unwrap_or(u8::MAX)
}

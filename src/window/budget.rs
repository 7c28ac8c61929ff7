//! Gives up durations where memory is short.

use super::{
    block::{Block, Entry, Writer},
    track::Track,
};

/// Frees at least so many bytes, if there are so many: the durations of the least used quarter of all series, from the oldest
/// slot on, then those of the next quarter. The shortest slots come last, so that the newest durations stay. A slot still
/// tells which series it had. Returns how many durations of one series in one slot were given up.
pub(super) fn give_up(durations: &mut Track, bytes: usize) -> u64 {
    let used = used(durations);
    let with_use = used.iter().enumerate().filter(|(_, used)| **used > 0);
    let mut by_use: Vec<usize> = with_use.map(|(series, _)| series).collect();
    by_use.sort_by_key(|series| used.get(*series).copied());
    let [shortest, longer @ ..] = &mut durations.levels;
    let mut longer: Vec<_> = longer
        .iter_mut()
        .flat_map(|level| &mut level.slots)
        .collect();
    longer.sort_by_key(|slot| slot.end);

    let (mut freed, mut given_up) = (0, 0);
    for mut slots in [longer, shortest.slots.iter_mut().collect()] {
        let mut gone = vec![false; used.len()];
        for quarter in 1..=4 {
            for series in by_use.iter().take((by_use.len() * quarter).div_ceil(4)) {
                if let Some(gone) = gone.get_mut(*series) {
                    *gone = true;
                }
            }
            for slot in &mut slots {
                if freed >= bytes {
                    return given_up;
                }
                if slot.quarters >= quarter {
                    continue;
                }
                let (block, count) = without(&slot.block, &gone);
                freed += slot.block.memory().saturating_sub(block.memory());
                given_up += count;
                slot.block = block;
                slot.quarters = quarter;
            }
        }
    }
    given_up
}

/// How many durations each series had in the last day and in the open slot.
fn used(durations: &Track) -> Vec<u64> {
    let mut used = Vec::new();
    let closed = durations.coarsest().slots.iter().map(|slot| &slot.block);
    for block in closed.chain([&*durations.finest().base]) {
        for entry in block.entries() {
            let series = entry.series as usize;
            if series >= used.len() {
                used.resize(series + 1, 0_u64);
            }
            let sum = entry.pairs().map(|(_, count)| count);
            let sum = sum.fold(0, u64::saturating_add);
            if let Some(used) = used.get_mut(series) {
                *used = used.saturating_add(sum);
            }
        }
    }
    used
}

/// The block without what these series had in it, and how many had something.
fn without(block: &Block, gone: &[bool]) -> (Block, u64) {
    let mut writer = Writer::default();
    let mut given_up = 0;
    let is_gone = |entry: &Entry<'_>| gone.get(entry.series as usize).is_some_and(|gone| *gone);
    for entry in block.entries() {
        let gives_up = is_gone(&entry) && !entry.is_given_up();
        given_up += u64::from(gives_up);
        writer.entry(entry.series, if gives_up { &[] } else { entry.body });
    }
    (writer.finish(), given_up)
}

//! Gives up durations where memory is short.

use super::{
    block::{Block, Entry, Writer},
    track::Track,
};

/// How many of the longest slots are in a day.
const DAY: u64 = 48;

/// How many durations each series had in the last day, by number. It is known without another look at the slots of that day.
#[derive(Debug, Default)]
pub(super) struct Uses(Vec<u64>);

// === impl Uses ===

impl Uses {
    /// The newest of the longest slots. What was before counts less with each of them, by its share in a day.
    pub(super) fn close(&mut self, slot: &Block) {
        for uses in &mut self.0 {
            *uses -= *uses / DAY;
        }
        self.add(slot);
    }

    /// A slot that is as old as the others.
    pub(super) fn add(&mut self, slot: &Block) {
        add(&mut self.0, slot, u64::saturating_add);
    }

    /// With what is in the open slot.
    fn with_open(&self, durations: &Track) -> Vec<u64> {
        let mut open = Vec::new();
        add(&mut open, &durations.finest().base, u64::wrapping_add);
        add(&mut open, &durations.coarsest().base, u64::wrapping_sub);
        open.resize(open.len().max(self.0.len()), 0);
        for (open, closed) in open.iter_mut().zip(&self.0) {
            *open = open.saturating_add(*closed);
        }
        open
    }
}

/// Joins the sums of a block with those of each series.
fn add(sums: &mut Vec<u64>, block: &Block, join: impl Fn(u64, u64) -> u64) {
    for entry in block.entries() {
        let series = entry.series as usize;
        if series >= sums.len() {
            sums.resize(series + 1, 0);
        }
        let sum = entry.pairs().map(|(_, count)| count);
        let sum = sum.fold(0, u64::wrapping_add);
        if let Some(joined) = sums.get_mut(series) {
            *joined = join(*joined, sum);
        }
    }
}

/// Frees at least so many bytes, if there are so many: the durations of the least used quarter of all series, from the oldest
/// slot on, then those of the next quarter. The shortest slots come last, so that the newest durations stay. A slot still
/// tells which series it had. Returns how many durations of one series in one slot were given up.
pub(super) fn give_up(durations: &mut Track, uses: &Uses, bytes: usize) -> u64 {
    let used = uses.with_open(durations);
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

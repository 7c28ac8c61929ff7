//! Compares two cumulative readings.

use super::{
    block::{Block, Entry, Writer},
    numbers::Numbered,
};

/// What was added since some readings, and the reading now.
#[derive(Debug)]
pub(super) struct Steps {
    /// Since the newest of them.
    pub(super) added: Block,
    /// Since each of the older ones, in their order.
    pub(super) older: Vec<Block>,
    pub(super) reading: Block,
}

/// The counts of a series in two readings. Both rows have the same length.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rows<'a> {
    pub(super) series: u32,
    pub(super) was: &'a [u64],
    pub(super) is: &'a [u64],
    /// How `was` is packed.
    entry: Option<Entry<'a>>,
}

// === impl Rows ===

impl Rows<'_> {
    /// What was added. Counts wrap, and that is their difference all the same.
    pub(super) fn added(&self) -> impl Iterator<Item = u64> {
        let pairs = self.is.iter().zip(self.was);
        pairs.map(|(is, was)| is.wrapping_sub(*was))
    }
}

/// Calls `visit` with each series of one of them, in ascending order. A count that fell, or that is not there any more, did
/// not change.
pub(super) fn compare(before: &Block, now: &Numbered<'_>, mut visit: impl FnMut(Rows<'_>)) {
    let (mut was, mut is) = (Vec::new(), Vec::new());
    let mut entries = before.entries().peekable();
    let unchanged = |entry: Entry<'_>, was: &mut Vec<u64>, visit: &mut dyn FnMut(Rows<'_>)| {
        entry.unpack(0, was);
        visit(Rows {
            series: entry.series,
            was,
            is: was,
            entry: Some(entry),
        });
    };
    for (series, counts) in now {
        while let Some(entry) = entries.next_if(|entry| entry.series < *series) {
            unchanged(entry, &mut was, &mut visit);
        }
        let entry = entries.next_if(|entry| entry.series == *series);
        match entry {
            Some(entry) => entry.unpack(counts.len(), &mut was),
            None => {
                was.clear();
                was.resize(counts.len(), 0);
            }
        }
        is.clone_from(&was);
        for (is, count) in is.iter_mut().zip(*counts) {
            let fell = *is != 0 && count.wrapping_sub(*is) > u64::MAX / 2;
            if !fell {
                *is = *count;
            }
        }
        visit(Rows {
            series: *series,
            was: &was,
            is: &is,
            entry,
        });
    }
    for entry in entries {
        unchanged(entry, &mut was, &mut visit);
    }
}

/// What was added since `newest` and since each of `older`, and the reading now, in one pass over all counts. What an older
/// reading has, the newest one has, too.
pub(super) fn steps(newest: &Block, older: &[&Block], now: &Numbered<'_>) -> Steps {
    let (mut added, mut reading) = (Writer::default(), Writer::default());
    let older = older.iter().map(|block| block.entries().peekable());
    let mut older: Vec<_> = older.map(|entries| (entries, Writer::default())).collect();
    let mut was = Vec::new();
    compare(newest, now, |rows| {
        let Rows { series, is, .. } = rows;
        let mut packed = None;
        if rows.was == is {
            // What did not change is not packed again.
            if let Some(entry) = rows.entry {
                reading.entry(series, entry.body);
                packed = Some(entry.body);
            }
        } else {
            added.counts(series, rows.added());
        }
        let packed = match packed {
            Some(packed) => packed,
            None => reading.counts(series, is.iter().copied()),
        };
        for (entries, added) in &mut older {
            match entries.next_if(|entry| entry.series == series) {
                // Equal counts have equal bytes.
                Some(entry) if entry.body == packed => {}
                Some(entry) => {
                    entry.unpack(is.len(), &mut was);
                    let pairs = is.iter().zip(&was);
                    added.counts(series, pairs.map(|(is, was)| is.wrapping_sub(*was)));
                }
                None => _ = added.counts(series, is.iter().copied()),
            }
        }
    });
    let older = older.into_iter().map(|(_, added)| added.finish());
    Steps {
        added: added.finish(),
        older: older.collect(),
        reading: reading.finish(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(before: &Block, now: &Numbered<'_>) -> (Block, Block) {
        let steps = steps(before, &[], now);
        (steps.added, steps.reading)
    }

    fn read(block: &Block) -> Vec<(u32, Vec<(usize, u64)>)> {
        let entries = block.entries();
        entries
            .map(|entry| (entry.series, entry.pairs().collect()))
            .collect()
    }

    #[test]
    fn a_step_is_what_was_added() {
        let first = vec![(1, &[5, 0, 7][..]), (4, &[0, 1][..])];
        let (added, reading) = step(&Block::default(), &first);
        assert_eq!(added, reading);
        let all = vec![(1, vec![(0, 5), (2, 7)]), (4, vec![(1, 1)])];
        assert_eq!(read(&reading), all);

        let then = vec![(0, &[2][..]), (1, &[5, 3, 9][..]), (9, &[1][..])];
        let (added, reading) = step(&reading, &then);
        let more = vec![
            (0, vec![(0, 2)]),
            (1, vec![(1, 3), (2, 2)]),
            (9, vec![(0, 1)]),
        ];
        assert_eq!(read(&added), more);
        // What the reading lacks keeps its count.
        let again = vec![(1, &[5, 3, 9][..]), (4, &[0, 3][..])];
        let (added, _) = step(&reading, &again);
        assert_eq!(read(&added), [(4, vec![(1, 2)])]);
        assert_eq!(step(&reading, &then).0, Block::default());
    }

    #[test]
    fn a_count_wraps_and_one_that_falls_adds_nothing_twice() {
        let (_, reading) = step(&Block::default(), &vec![(0, &[u64::MAX - 1, 100][..])]);
        let (added, reading) = step(&reading, &vec![(0, &[3, 90][..])]);
        assert_eq!(read(&added), [(0, vec![(0, 5)])]);
        let (added, _) = step(&reading, &vec![(0, &[3, 101][..])]);
        assert_eq!(read(&added), [(0, vec![(1, 1)])]);
    }

    /// Counts of a service that goes on from these.
    fn later(counts: &[Vec<u64>]) -> Vec<Vec<u64>> {
        let more = |count: &u64| match fastrand::u32(0..8) {
            0 => count.wrapping_add(fastrand::u64(..) >> fastrand::u32(40..64)),
            _ => *count,
        };
        let mut counts: Vec<Vec<u64>> = counts
            .iter()
            .map(|row| match fastrand::bool() {
                true => row.iter().map(more).collect(),
                false => row.clone(),
            })
            .collect();
        counts.push((0..fastrand::usize(1..40)).map(|_| more(&0)).collect());
        counts
    }

    /// Each other series is numbered by what is not there.
    fn numbered(counts: &[Vec<u64>]) -> Numbered<'_> {
        let rows = counts.iter().enumerate();
        rows.map(|(number, row)| (number as u32 * 2, &**row))
            .collect()
    }

    #[test]
    fn a_step_since_an_older_reading_is_all_that_was_added_since_then() {
        for _ in 0..200 {
            let first = later(&[]);
            let second = later(&first);
            let third = later(&second);
            let fourth = later(&third);
            let (_, oldest) = step(&Block::default(), &numbered(&first));
            let (first_added, old) = step(&oldest, &numbered(&second));
            let (second_added, newest) = step(&old, &numbered(&third));
            let steps = steps(&newest, &[&old, &oldest], &numbered(&fourth));
            let since_old = second_added.plus(&steps.added);
            assert_eq!(
                steps.older,
                [since_old.clone(), first_added.plus(&since_old)]
            );
            assert_eq!(newest.plus(&steps.added), steps.reading);
            assert_eq!(step(&Block::default(), &numbered(&fourth)).1, steps.reading);
        }
    }

    #[test]
    fn a_thing_that_the_reading_lacks_is_in_the_step_since_an_older_reading() {
        let (_, old) = step(&Block::default(), &vec![(1, &[1][..])]);
        let (_, newest) = step(&old, &vec![(1, &[5][..]), (4, &[2][..])]);
        let steps = steps(&newest, &[&old], &vec![(2, &[3][..])]);
        assert_eq!(read(&steps.added), [(2, vec![(0, 3)])]);
        let since = [(1, vec![(0, 4)]), (2, vec![(0, 3)]), (4, vec![(0, 2)])];
        assert_eq!(steps.older.iter().map(read).collect::<Vec<_>>(), [since]);
    }
}

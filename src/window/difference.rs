//! Compares two cumulative readings.

use super::{
    block::{Block, Writer},
    numbers::Numbered,
};

/// Calls `visit` with series, index, and the counts before and now, in ascending order, where one of them is not 0.
///
/// Counts wrap, and what was added is the difference of both all the same. A count that fell, or that is not there any more,
/// did not change.
pub(super) fn compare(
    before: &Block,
    now: &Numbered<'_>,
    mut visit: impl FnMut(u32, usize, u64, u64),
) {
    let mut entries = before.entries().peekable();
    for (series, counts) in now {
        while let Some(entry) = entries.next_if(|entry| entry.series < *series) {
            for (index, count) in entry.pairs() {
                visit(entry.series, index, count, count);
            }
        }
        let entry = entries.next_if(|entry| entry.series == *series);
        let pairs = entry.map(|entry| entry.pairs());
        let mut pairs = pairs.into_iter().flatten().peekable();
        for (index, count) in counts.iter().enumerate() {
            let was = pairs.next_if(|pair| pair.0 == index);
            let was = was.map_or(0, |(_, count)| count);
            if was == 0 && *count == 0 {
                continue;
            }
            let fell = was != 0 && count.wrapping_sub(was) > u64::MAX / 2;
            visit(*series, index, was, if fell { was } else { *count });
        }
        for (index, count) in pairs {
            visit(*series, index, count, count);
        }
    }
    for entry in entries {
        for (index, count) in entry.pairs() {
            visit(entry.series, index, count, count);
        }
    }
}

/// What was added since a reading, and the reading now.
pub(super) fn step(before: &Block, now: &Numbered<'_>) -> (Block, Block) {
    let (mut added, mut reading) = (Writer::default(), Writer::default());
    compare(before, now, |series, index, was, is| {
        added.count(series, index, is.wrapping_sub(was));
        reading.count(series, index, is);
    });
    (added.finish(), reading.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

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
}

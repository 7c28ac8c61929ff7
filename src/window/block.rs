//! Packs counts by series into one piece of memory.

use super::varint;

/// Counts by series, in ascending order of the series. Only what is not 0 takes memory.
///
/// An entry is the gap to the series before, the length of its body, and the body. The body has for each count the gap to the
/// count before, whose lowest bit tells that the count follows, and the count, which is 1 if it does not follow. A body
/// without counts tells that they were given up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Block(Box<[u8]>);

/// Writes a block. Series and indices must ascend.
#[derive(Debug, Default)]
pub(crate) struct Writer {
    bytes: Vec<u8>,
    /// The series that `body` is of.
    series: Option<u32>,
    body: Vec<u8>,
    next_series: u64,
    next_index: u64,
}

/// Reads the entries of a block.
#[derive(Clone, Debug)]
pub(crate) struct Entries<'a> {
    bytes: &'a [u8],
    next_series: u64,
}

/// What a block has of one series.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry<'a> {
    pub(crate) series: u32,
    pub(crate) body: &'a [u8],
}

/// Reads the counts of an entry: index and count.
#[derive(Clone, Debug)]
pub(crate) struct Pairs<'a> {
    body: &'a [u8],
    next_index: u64,
}

// === impl Block ===

impl Block {
    /// Bytes of a file. `None` if they are no block whose indices are below the `lengths` of their series.
    pub(crate) fn checked(bytes: &[u8], lengths: impl Fn(u32) -> Option<usize>) -> Option<Self> {
        let mut entries = Entries {
            bytes,
            next_series: 0,
        };
        while !entries.bytes.is_empty() {
            let entry = entries.read()?;
            let length = lengths(entry.series)?;
            let mut pairs = entry.pairs();
            while !pairs.body.is_empty() {
                let (index, count) = pairs.read()?;
                if index >= length || count == 0 {
                    return None;
                }
            }
        }
        Some(Self(bytes.into()))
    }

    pub(crate) const fn entries(&self) -> Entries<'_> {
        Entries {
            bytes: &self.0,
            next_series: 0,
        }
    }

    /// The same counts with other numbers. A series without a number is left out.
    pub(super) fn renumbered(&self, numbers: &[Option<u32>]) -> Self {
        let entries = self.entries().filter_map(|entry| {
            let series = *numbers.get(entry.series as usize)?;
            Some(Entry {
                series: series?,
                ..entry
            })
        });
        let mut entries: Vec<_> = entries.collect();
        entries.sort_unstable_by_key(|entry| entry.series);
        let mut writer = Writer::default();
        for entry in entries {
            writer.entry(entry.series, entry.body);
        }
        writer.finish()
    }

    /// Both together. What one of them gave up is given up.
    pub(super) fn plus(&self, other: &Self) -> Self {
        self.with(other, u64::wrapping_add)
    }

    /// What was added since an earlier reading.
    pub(crate) fn minus(&self, earlier: &Self) -> Self {
        self.with(earlier, u64::wrapping_sub)
    }

    /// The counts of both, each pair as one. A count that is not there is 0.
    fn with<'a>(&'a self, other: &'a Self, join: impl Fn(u64, u64) -> u64) -> Self {
        let (mut ours, mut theirs) = (self.entries().peekable(), other.entries().peekable());
        let mut writer = Writer::default();
        while let Some(series) = lower(
            ours.peek().map(|entry| entry.series),
            theirs.peek().map(|entry| entry.series),
        ) {
            let one = ours.next_if(|entry| entry.series == series);
            let two = theirs.next_if(|entry| entry.series == series);
            if [one, two]
                .into_iter()
                .flatten()
                .any(|entry| entry.is_given_up())
            {
                writer.entry(series, &[]);
                continue;
            }
            let pairs = |entry: Option<Entry<'a>>| {
                entry.into_iter().flat_map(|entry| entry.pairs()).peekable()
            };
            let (mut one, mut two) = (pairs(one), pairs(two));
            while let Some(index) =
                lower(one.peek().map(|pair| pair.0), two.peek().map(|pair| pair.0))
            {
                let one = one.next_if(|pair| pair.0 == index);
                let two = two.next_if(|pair| pair.0 == index);
                let count = |pair: Option<(usize, u64)>| pair.map_or(0, |(_, count)| count);
                writer.count(series, index, join(count(one), count(two)));
            }
        }
        writer.finish()
    }

    pub(crate) const fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// The memory that it takes from the allocator.
    pub(crate) const fn memory(&self) -> usize {
        match self.0.len() {
            0 => 0,
            length => length + 16,
        }
    }
}

// === impl Writer ===

impl Writer {
    /// Adds a count. 0 leaves no trace.
    pub(crate) fn count(&mut self, series: u32, index: usize, count: u64) {
        if count == 0 {
            return;
        }
        if self.series != Some(series) {
            self.end_entry();
            self.series = Some(series);
        }
        let gap = (index as u64).saturating_sub(self.next_index);
        self.next_index = index as u64 + 1;
        varint::write(&mut self.body, gap << 1 | u64::from(count != 1));
        if count != 1 {
            varint::write(&mut self.body, count);
        }
    }

    /// Adds an entry of another block. An empty body tells that the counts were given up.
    pub(crate) fn entry(&mut self, series: u32, body: &[u8]) {
        self.end_entry();
        let gap = u64::from(series).saturating_sub(self.next_series);
        self.next_series = u64::from(series) + 1;
        varint::write(&mut self.bytes, gap);
        varint::write(&mut self.bytes, body.len() as u64);
        self.bytes.extend_from_slice(body);
    }

    pub(crate) fn finish(mut self) -> Block {
        self.end_entry();
        Block(self.bytes.into())
    }

    fn end_entry(&mut self) {
        if let Some(series) = self.series.take() {
            let mut body = std::mem::take(&mut self.body);
            self.entry(series, &body);
            body.clear();
            self.body = body;
            self.next_index = 0;
        }
    }
}

// === impl Entries ===

impl<'a> Entries<'a> {
    fn read(&mut self) -> Option<Entry<'a>> {
        let gap = varint::read(&mut self.bytes)?;
        let series = u32::try_from(self.next_series.checked_add(gap)?).ok()?;
        let length = usize::try_from(varint::read(&mut self.bytes)?).ok()?;
        let (body, rest) = self.bytes.split_at_checked(length)?;
        self.bytes = rest;
        self.next_series = u64::from(series) + 1;
        Some(Entry { series, body })
    }
}

impl<'a> Iterator for Entries<'a> {
    type Item = Entry<'a>;

    fn next(&mut self) -> Option<Entry<'a>> {
        self.read()
    }
}

// === impl Entry ===

impl<'a> Entry<'a> {
    pub(crate) const fn pairs(self) -> Pairs<'a> {
        Pairs {
            body: self.body,
            next_index: 0,
        }
    }

    pub(super) const fn is_given_up(self) -> bool {
        self.body.is_empty()
    }

    /// The most bytes that the entry takes in any block.
    pub(super) const fn most_bytes(self) -> usize {
        varint::length(u32::MAX as u64) + varint::length(self.body.len() as u64) + self.body.len()
    }
}

// === impl Pairs ===

impl Pairs<'_> {
    fn read(&mut self) -> Option<(usize, u64)> {
        let head = varint::read(&mut self.body)?;
        let index = self.next_index.checked_add(head >> 1)?;
        self.next_index = index.checked_add(1)?;
        let count = match head & 1 {
            0 => 1,
            _ => varint::read(&mut self.body)?,
        };
        Some((usize::try_from(index).ok()?, count))
    }
}

impl Iterator for Pairs<'_> {
    type Item = (usize, u64);

    fn next(&mut self) -> Option<(usize, u64)> {
        self.read()
    }
}

/// The lower one of what is left of two lists.
fn lower<T: Ord>(one: Option<T>, two: Option<T>) -> Option<T> {
    match (one, two) {
        (Some(one), Some(two)) => Some(one.min(two)),
        (one, two) => one.or(two),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Counts = Vec<(u32, Vec<(usize, u64)>)>;

    /// Random counts, ascending.
    fn some() -> Counts {
        let mut counts = Vec::new();
        let mut series = 0;
        for _ in 0..fastrand::usize(0..20) {
            series += fastrand::u32(1..400);
            let mut index = 0;
            let mut pairs = Vec::new();
            for _ in 0..fastrand::usize(1..40) {
                index += fastrand::usize(1..100);
                pairs.push((index, (fastrand::u64(..) >> fastrand::u32(0..64)).max(1)));
            }
            counts.push((series, pairs));
        }
        counts
    }

    fn block(counts: &Counts) -> Block {
        let mut writer = Writer::default();
        for (series, pairs) in counts {
            for (index, count) in pairs {
                writer.count(*series, *index, *count);
                writer.count(*series, index + 1, 0);
            }
        }
        writer.finish()
    }

    fn read(block: &Block) -> Counts {
        let entries = block.entries();
        entries
            .map(|entry| (entry.series, entry.pairs().collect()))
            .collect()
    }

    #[test]
    fn what_was_added_since_an_earlier_reading_is_the_difference() {
        for _ in 0..500 {
            let (earlier, added) = (block(&some()), block(&some()));
            assert_eq!(earlier.plus(&added).minus(&earlier), added);
            assert_eq!(earlier.minus(&earlier), Block::default());
        }
    }

    #[test]
    fn counts_are_read_as_they_were_written() {
        for _ in 0..500 {
            let counts = some();
            let block = block(&counts);
            assert_eq!(read(&block), counts);
            let checked = Block::checked(block.bytes(), |_| Some(4_000));
            assert_eq!(checked, Some(block.clone()));
            let most = block.entries().map(Entry::most_bytes).sum::<usize>();
            assert!(block.bytes().len() <= most);
            let mut copy = Writer::default();
            for entry in block.entries() {
                copy.entry(entry.series, entry.body);
            }
            assert_eq!(copy.finish(), block);
        }
    }

    #[test]
    fn two_blocks_add_up() {
        use std::collections::BTreeMap;
        for _ in 0..300 {
            let (one, two) = (some(), some());
            let mut sums = BTreeMap::<_, BTreeMap<_, u64>>::new();
            for (series, pairs) in one.iter().chain(&two) {
                for (index, count) in pairs {
                    let sum = sums.entry(*series).or_default().entry(*index).or_default();
                    *sum = sum.wrapping_add(*count);
                }
            }
            let sums: Counts = sums
                .into_iter()
                .map(|(series, pairs)| {
                    (
                        series,
                        pairs.into_iter().filter(|pair| pair.1 > 0).collect(),
                    )
                })
                .collect();
            assert_eq!(read(&block(&one).plus(&block(&two))), sums);
        }
        let given_up = block(&vec![(3, vec![])]);
        assert_eq!(given_up, Block::default());
        let mut writer = Writer::default();
        writer.entry(3, &[]);
        let given_up = writer.finish();
        let sum = block(&vec![(3, vec![(0, 5)])]).plus(&given_up);
        assert_eq!(sum, given_up);
    }

    #[test]
    fn series_can_change_their_numbers() {
        let counts = vec![(0, vec![(0, 1)]), (1, vec![(0, 2)]), (3, vec![(0, 3)])];
        let renumbered = block(&counts).renumbered(&[Some(7), None, None, Some(2)]);
        assert_eq!(read(&renumbered), [(2, vec![(0, 3)]), (7, vec![(0, 1)])]);
    }

    #[test]
    fn what_is_not_counted_takes_no_memory_and_one_request_two_bytes() {
        assert_eq!(block(&vec![]).memory(), 0);
        let two = block(&vec![(0, vec![(3, 1)]), (1, vec![(3, 1)])]);
        assert_eq!(two.bytes().len(), 6);
    }

    #[test]
    fn foreign_bytes_are_checked_and_do_no_harm() {
        for _ in 0..20_000 {
            let mut bytes = block(&some()).bytes().to_vec();
            for _ in 0..fastrand::usize(0..4) {
                match bytes.len() {
                    0 => bytes.push(fastrand::u8(..)),
                    length => bytes[fastrand::usize(0..length)] = fastrand::u8(..),
                }
            }
            bytes.truncate(bytes.len() - fastrand::usize(0..=bytes.len().min(3)));
            let lengths = |series: u32| (series < 6_000).then_some(200);
            if let Some(block) = Block::checked(&bytes, lengths) {
                let read = read(&block);
                assert!(read.iter().all(|(series, _)| *series < 6_000));
                let mut pairs = read.iter().flat_map(|(_, pairs)| pairs);
                assert!(pairs.all(|(index, count)| *index < 200 && *count > 0));
            }
        }
    }
}

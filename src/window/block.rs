//! Packs counts by series into one piece of memory.

use super::varint;

/// Counts by series, in ascending order of the series. Only what is not 0 takes memory.
///
/// An entry is the gap to the series before, the length of its body, and the body. The body has for each count the gap to the
/// count before, whose lowest bit tells that the count follows, and the count, which is 1 if it does not follow. A body
/// without counts tells that they were given up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Block(Box<[u8]>);

/// Writes a block. Series must ascend.
#[derive(Debug, Default)]
pub(crate) struct Writer {
    bytes: Vec<u8>,
    /// The newest body. It is kept, so that the next one takes no memory of its own.
    body: Vec<u8>,
    next_series: u64,
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
    fn with(&self, other: &Self, join: impl Fn(u64, u64) -> u64) -> Self {
        let (mut ours, mut theirs) = (self.entries().peekable(), other.entries().peekable());
        let (mut counts, mut others) = (Vec::new(), Vec::new());
        let mut writer = Writer::default();
        while let Some(series) = lower(
            ours.peek().map(|entry| entry.series),
            theirs.peek().map(|entry| entry.series),
        ) {
            let one = ours.next_if(|entry| entry.series == series);
            let two = theirs.next_if(|entry| entry.series == series);
            match (one, two) {
                (Some(one), Some(two)) if !one.is_given_up() && !two.is_given_up() => {
                    one.unpack(0, &mut counts);
                    two.unpack(0, &mut others);
                    let length = counts.len().max(others.len());
                    counts.resize(length, 0);
                    others.resize(length, 0);
                    let joined = counts.iter().zip(&others);
                    writer.counts(series, joined.map(|(one, two)| join(*one, *two)));
                }
                (None, Some(two)) if !two.is_given_up() => {
                    two.unpack(0, &mut others);
                    writer.counts(series, others.iter().map(|two| join(0, *two)));
                }
                (Some(one), None) => writer.entry(series, one.body),
                (Some(_) | None, Some(_)) => writer.entry(series, &[]),
                (None, None) => {}
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
    /// Adds the counts of a series, from index 0 on, and returns the body. Without a count above 0 it is empty, and there is
    /// no entry.
    pub(crate) fn counts(&mut self, series: u32, counts: impl Iterator<Item = u64>) -> &[u8] {
        let mut body = std::mem::take(&mut self.body);
        body.clear();
        let mut next_index = 0;
        for (index, count) in (0_u64..).zip(counts) {
            if count != 0 {
                varint::write(&mut body, (index - next_index) << 1 | u64::from(count != 1));
                if count != 1 {
                    varint::write(&mut body, count);
                }
                next_index = index + 1;
            }
        }
        if !body.is_empty() {
            self.entry(series, &body);
        }
        self.body = body;
        &self.body
    }

    /// Adds an entry of another block. An empty body tells that the counts were given up.
    pub(crate) fn entry(&mut self, series: u32, body: &[u8]) {
        let gap = u64::from(series).saturating_sub(self.next_series);
        self.next_series = u64::from(series) + 1;
        varint::write(&mut self.bytes, gap);
        varint::write(&mut self.bytes, body.len() as u64);
        self.bytes.extend_from_slice(body);
    }

    pub(crate) fn finish(self) -> Block {
        Block(self.bytes.into())
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

    /// Writes its counts into a row of at least this length, whose other counts are 0.
    pub(super) fn unpack(self, length: usize, row: &mut Vec<u64>) {
        row.clear();
        row.resize(length, 0);
        for (index, count) in self.pairs() {
            if index >= row.len() {
                row.resize(index + 1, 0);
            }
            if let Some(place) = row.get_mut(index) {
                *place = count;
            }
        }
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
            let mut row = vec![0; pairs.last().map_or(0, |pair| pair.0 + 2)];
            for (index, count) in pairs {
                row[*index] = *count;
            }
            writer.counts(*series, row.into_iter());
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

//! Holds the form to what a later version, and anybody else, could write.

use super::{super::start_names::read_names, *};
use crate::{
    facts::labels::{MethodLabel, StatusLabel},
    metrics::readings::Key,
    window::Numbers,
};

fn requests(endpoint: &str) -> Key {
    Key::Requests {
        endpoint: endpoint.into(),
        method: MethodLabel::at(0),
        status: StatusLabel::at(200),
    }
}

fn whole(fields: impl IntoIterator<Item = Field>) -> Vec<Field> {
    let mark = (EPOCH.into(), VERSION.into());
    fields.into_iter().chain([mark]).collect()
}

#[test]
fn counts_are_read_as_they_were_written() {
    for _ in 0..200 {
        let mut numbers = Numbers::default();
        let counts: Vec<_> = (0..fastrand::usize(0..60))
            .map(|index| {
                let random = || fastrand::u64(..) >> fastrand::u32(0..64);
                let counts: Vec<u64> = (0..7).map(|_| random()).collect();
                (requests(&format!("/{index}")), counts)
            })
            .collect();
        let numbered = numbers.numbered(&counts);
        for kind in Kind::BOTH {
            let mut snaps = Snaps::default();
            snaps.take(super::super::schedule::Snap { level: 1, slot: 77 });
            let head = Head {
                at: fastrand::u64(..),
                names: [fastrand::u64(..), fastrand::u64(..)],
                snaps,
                fine_at: fastrand::u64(..),
            };
            let chunks = chunks(&numbered, kind).into_iter();
            let fields = chunks.map(|(chunk, value)| (field(chunk), value));
            let mut hash = whole(head.fields().into_iter().chain(fields));
            fastrand::shuffle(&mut hash);
            let reading = Reading::read(&hash, kind).unwrap();
            assert_eq!(reading.head, head);
            let read = reading.block.entries().map(|entry| {
                let mut counts = vec![0; 7];
                entry
                    .pairs()
                    .for_each(|(index, count)| counts[index] = count);
                (entry.series, counts)
            });
            let written = numbered
                .iter()
                .map(|(number, counts)| (*number, counts.to_vec()));
            let written = written.filter(|(_, counts)| counts.iter().any(|count| *count > 0));
            assert_eq!(read.collect::<Vec<_>>(), written.collect::<Vec<_>>());
        }
    }
}

#[test]
fn a_hash_that_is_not_whole_or_of_another_form_is_not_read() {
    let head = Head::default().fields();
    assert!(Reading::read(&head, Kind::Counts).is_none());
    assert!(Reading::read(&whole(head.clone()), Kind::Counts).is_some());
    let another = head.into_iter().chain([(EPOCH.into(), b"2".to_vec())]);
    assert!(Reading::read(&another.collect::<Vec<_>>(), Kind::Counts).is_none());
    assert!(read_names(&[]).is_none());
    assert!(read_names(&whole([])).is_some());
    let torn = whole([(field(0), vec![0, 9, 1])]);
    assert!(Reading::read(&torn, Kind::Counts).is_none());
}

#[test]
fn anything_can_stand_in_a_hash() {
    for _ in 0..5_000 {
        let bytes = || -> Vec<u8> {
            let length = fastrand::usize(0..12);
            std::iter::repeat_with(|| fastrand::u8(..))
                .take(length)
                .collect()
        };
        let field = || match fastrand::u32(0..3) {
            0 => format!("c{}", fastrand::u8(..)).into_bytes(),
            1 => [AT, NAMES, SNAPS, FINE][fastrand::usize(0..4)].into(),
            _ => bytes(),
        };
        let fields = std::iter::repeat_with(|| (field(), bytes()));
        let hash = whole(fields.take(fastrand::usize(0..6)));
        let _ = Reading::read(&hash, Kind::Counts);
        let _ = read_names(&hash);
    }
}

#[test]
fn names_are_read_as_they_were_written_and_those_of_a_later_version_are_left_out() {
    let mut numbers = Numbers::default();
    let keys = ["/a", "/b", "/c"].map(requests);
    for key in &keys {
        numbers.number(key);
    }
    let (name, mut value) = names(Kind::Counts, 1, &numbers.all()[1..]);
    assert_eq!(name, b"c1");
    // A kind of key that nobody knows.
    value.extend([2, 99, 0]);
    let first = names(Kind::Counts, 0, &numbers.all()[..1]);
    let durations = Key::Durations {
        endpoint: "/a".into(),
        method: MethodLabel::at(0),
    };
    let mut of_durations = Numbers::default();
    of_durations.number(&durations);
    let fine = names(Kind::Durations, 0, of_durations.all());
    let read = read_names(&whole([(name, value), first, fine])).unwrap();
    let [a, b, c] = keys.map(Some);
    assert_eq!(read.of(Kind::Counts), [a, b, c, None]);
    assert_eq!(read.of(Kind::Durations), [Some(durations)]);
}

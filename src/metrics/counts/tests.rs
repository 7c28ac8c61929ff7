use std::{sync::Barrier, thread};

use super::*;

const COUNTERS: usize = 39;

/// Counts with room for rows of this many threads.
fn counts(threads: usize) -> Arc<Counts> {
    let places = Places::new(threads * row_bytes(COUNTERS));
    Arc::new(Counts::new(COUNTERS, Arc::new(places)))
}

fn rows(counts: &Counts) -> usize {
    counts.own().len()
}

/// Adds to the last counter, then to the first one.
fn add(writer: &Writer<Counts>, times: usize) {
    for _ in 0..times {
        writer.add(|adder| {
            adder.add(COUNTERS - 1, 1);
            adder.add(0, 1);
        });
    }
}

#[test]
fn only_a_thread_that_adds_much_has_a_row() {
    let counts = counts(8);
    let writer = Writer::new(Arc::clone(&counts));
    add(&writer, BUSY as usize - 1);
    assert_eq!(rows(&counts), 0);
    add(&writer, 2);
    assert_eq!(rows(&counts), 1);
    // What it adds from now on is in its row alone.
    assert_eq!(counts.shared[0].load(Relaxed), u64::from(BUSY));
    assert_eq!(counts.read()[0], u64::from(BUSY) + 1);
}

#[test]
fn no_two_threads_write_one_row() {
    /// The row of a thread, and what is in it after this thread added a number a thousand times.
    fn row(counts: &Arc<Counts>, number: u64, together: &Barrier) -> (usize, u64) {
        let writer = Writer::new(Arc::clone(counts));
        add(&writer, BUSY as usize);
        together.wait();
        for _ in 0..1_000 {
            writer.add(|adder| adder.add(1, number));
        }
        together.wait();
        let row = writer.row.get().unwrap();
        (row.as_ptr().addr(), row[APART + 1].load(Relaxed))
    }
    let counts = counts(8);
    let together = Barrier::new(8);
    let rows: Vec<_> = thread::scope(|scope| {
        let spawn = |number| {
            let (counts, together) = (&counts, &together);
            scope.spawn(move || row(counts, number, together))
        };
        let threads: Vec<_> = (1..=8).map(spawn).collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    });
    for (number, (row, added)) in (1..).zip(&rows) {
        assert_eq!(*added, 1_000 * number);
        let same = rows.iter().filter(|(other, _)| other == row);
        assert_eq!(same.count(), 1);
    }
}

#[test]
fn a_thread_that_ends_gives_its_counts_and_its_place_back() {
    let counts = counts(1);
    for round in 1..=3 {
        let writer = Writer::new(Arc::clone(&counts));
        add(&writer, 100);
        assert_eq!(rows(&counts), 1, "round {round}");
        drop(writer);
        assert_eq!(rows(&counts), 0, "round {round}");
        assert_eq!(counts.places.taken.load(Relaxed), 0);
        assert_eq!(counts.read()[0], 100 * round);
    }
}

#[test]
fn without_room_a_thread_adds_to_what_all_share_until_there_is() {
    let counts = counts(1);
    let [first, second] = [(); 2].map(|()| Writer::new(Arc::clone(&counts)));
    add(&first, 100);
    add(&second, 100);
    assert_eq!(rows(&counts), 1);
    assert!(second.row.get().is_none());
    drop(first);
    add(&second, BUSY as usize);
    assert_eq!(rows(&counts), 1);
    assert_eq!(counts.read()[0], 200 + u64::from(BUSY));
}

/// More threads than rows come and go. A reader sees no count twice, none go back, and the later counter first.
#[test]
fn a_reader_sees_each_count_once_while_threads_come_and_go() {
    const THREADS: usize = 12;
    const ROUNDS: usize = 200;
    const EACH: usize = 3 * BUSY as usize;
    let counts = counts(4);
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|_| {
                scope.spawn(|| {
                    for _ in 0..ROUNDS {
                        add(&Writer::new(Arc::clone(&counts)), EACH);
                    }
                })
            })
            .collect();
        let reader = scope.spawn(|| {
            let mut before = vec![0; COUNTERS];
            while !done.load(Acquire) {
                let now = counts.read();
                assert!(now[0] >= before[0] && now[COUNTERS - 1] >= before[COUNTERS - 1]);
                assert!(now[0] <= now[COUNTERS - 1], "{now:?}");
                assert!(now[COUNTERS - 1] <= (THREADS * ROUNDS * EACH) as u64);
                assert!(rows(&counts) <= 4);
                before = now;
            }
        });
        for thread in threads {
            thread.join().unwrap();
        }
        done.store(true, Release);
        reader.join().unwrap();
    });
    let all = (THREADS * ROUNDS * EACH) as u64;
    assert_eq!(counts.read()[0], all);
    assert_eq!(counts.read()[COUNTERS - 1], all);
    assert_eq!(rows(&counts), 0);
}

use std::{
    ops::Deref,
    panic::resume_unwind,
    sync::{
        atomic::{AtomicU64, Ordering::Relaxed},
        mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    },
};

use super::*;

const LONG: Duration = Duration::from_secs(20);
const NEVER: Duration = Duration::from_secs(3_600);

/// Sends what is written, and answers with the next of `answers`, for which it waits if there are any.
struct Disk {
    wrote: Sender<Wrote>,
    answers: Option<Receiver<Answer>>,
}

#[derive(Debug, PartialEq)]
enum Wrote {
    Window(Vec<u8>),
    Records(u64),
    /// The disk was closed.
    Closed,
}

enum Answer {
    Written,
    Failed,
    Panic,
}

impl Disk {
    fn write(&self, wrote: Wrote) -> bool {
        let _ = self.wrote.send(wrote);
        let Some(answers) = &self.answers else {
            return true;
        };
        match answers.recv() {
            Ok(Answer::Failed) => false,
            Ok(Answer::Panic) => resume_unwind(Box::new("on the disk")),
            Ok(Answer::Written) | Err(_) => true,
        }
    }
}

impl Target for Disk {
    fn write_window(&mut self, content: &[u8]) -> bool {
        self.write(Wrote::Window(content.to_owned()))
    }

    fn write_records(&mut self, records: &Records) -> bool {
        self.write(Wrote::Records(records.starts().next_back().unwrap().at_ms))
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = self.wrote.send(Wrote::Closed);
    }
}

/// A disk that answers at once, and one that waits for an answer each time.
fn disk() -> (Disk, Receiver<Wrote>) {
    let (wrote, written) = channel();
    let answers = None;
    (Disk { wrote, answers }, written)
}

fn slow_disk() -> (Disk, Receiver<Wrote>, Sender<Answer>) {
    let (mut disk, written) = disk();
    let (answer, answers) = channel();
    disk.answers = Some(answers);
    (disk, written, answer)
}

/// A writer, and how many writes have failed.
struct Running {
    writer: StoreWriter,
    failed: Arc<AtomicU64>,
}

impl Running {
    fn failures(&self) -> u64 {
        self.failed.load(Relaxed)
    }
}

impl Deref for Running {
    type Target = StoreWriter;

    fn deref(&self) -> &StoreWriter {
        &self.writer
    }
}

fn started(
    disk: Disk,
    interval: Duration,
    window: impl FnMut() -> Option<Vec<u8>> + Send + 'static,
) -> Running {
    let failed = Arc::new(AtomicU64::new(0));
    let count = {
        let failed = Arc::clone(&failed);
        move || _ = failed.fetch_add(1, Relaxed)
    };
    let started = StoreWriter::start(move || (disk, "read"), LONG, interval, window, count);
    let (writer, read) = started.unwrap();
    assert_eq!(read, "read");
    Running { writer, failed }
}

fn records(at: u64) -> Records {
    let mut records = Records::default();
    records.started(Some("1"), at);
    records
}

#[test]
fn the_window_is_asked_for_and_written_every_interval_on_its_own_thread() {
    let (disk, written) = disk();
    let mut asked = 0;
    let writer = started(disk, Duration::from_millis(1), move || {
        asked += 1;
        assert_eq!(thread::current().name(), Some("vitals-store"));
        // Every other time nothing has changed.
        (asked % 2 == 0).then(|| vec![asked])
    });
    for expected in [2, 4, 6] {
        assert_eq!(
            written.recv_timeout(LONG),
            Ok(Wrote::Window(vec![expected]))
        );
    }
    assert_eq!(writer.failures(), 0);
}

#[test]
fn records_are_written_at_once_and_a_slow_disk_has_only_the_newest_waiting() {
    let (disk, written, answer) = slow_disk();
    let writer = started(disk, NEVER, || None);
    writer.write_records(records(1));
    assert_eq!(written.recv_timeout(LONG), Ok(Wrote::Records(1)));
    for newer in [2, 3, 4] {
        writer.write_records(records(newer));
    }
    answer.send(Answer::Written).unwrap();
    assert_eq!(written.recv_timeout(LONG), Ok(Wrote::Records(4)));
    drop(answer);
    assert!(writer.end(LONG));
    assert_eq!(written.recv_timeout(LONG), Ok(Wrote::Closed));
}

#[test]
fn the_end_writes_a_last_time_and_closes_the_files() {
    let (disk, written) = disk();
    let writer = started(disk, NEVER, || Some(vec![7]));
    writer.write_records(records(1));
    assert!(writer.end(LONG), "it wakes at once");
    let all: Vec<_> = written.try_iter().collect();
    assert_eq!(
        all,
        [Wrote::Records(1), Wrote::Window(vec![7]), Wrote::Closed]
    );
    writer.write_records(records(2));
    assert!(writer.end(LONG), "again");
    assert_eq!(
        written.recv_timeout(LONG),
        Err(RecvTimeoutError::Disconnected)
    );
}

#[cfg(feature = "health")]
#[test]
fn a_save_writes_everything_at_once_and_the_thread_goes_on() {
    let (disk, written) = disk();
    let writer = started(disk, NEVER, || Some(vec![7]));
    for at in [1, 2] {
        writer.write_records(records(at));
        assert!(writer.save(LONG), "it wakes at once");
        let mut all: Vec<_> = written.try_iter().collect();
        assert_eq!(all.pop(), Some(Wrote::Window(vec![7])));
        assert_eq!(all.pop(), Some(Wrote::Records(at)));
    }
    assert!(writer.end(LONG));
    let all: Vec<_> = written.try_iter().collect();
    assert_eq!(all, [Wrote::Window(vec![7]), Wrote::Closed]);
}

#[cfg(feature = "health")]
#[test]
fn a_save_that_takes_too_long_is_told() {
    let (disk, written, answer) = slow_disk();
    let writer = started(disk, NEVER, || Some(vec![7]));
    assert!(!writer.save(Duration::from_millis(10)));
    assert_eq!(written.recv_timeout(LONG), Ok(Wrote::Window(vec![7])));
    drop(answer);
    assert!(writer.save(LONG), "the next one");
}

#[test]
fn the_thread_ends_with_the_handle_after_a_last_write() {
    let (disk, written) = disk();
    drop(started(disk, NEVER, || Some(vec![7])));
    assert_eq!(written.recv_timeout(LONG), Ok(Wrote::Window(vec![7])));
    assert_eq!(written.recv_timeout(LONG), Ok(Wrote::Closed));
}

#[test]
fn a_disk_that_hangs_holds_up_nobody() {
    let (disk, written, answer) = slow_disk();
    let writer = started(disk, NEVER, || Some(vec![7]));
    writer.write_records(records(1));
    assert_eq!(written.recv_timeout(LONG), Ok(Wrote::Records(1)));
    let before = Instant::now();
    writer.write_records(records(2));
    assert_eq!(writer.failures(), 0);
    assert!(!writer.end(Duration::from_millis(10)), "it still writes");
    drop(writer);
    assert!(before.elapsed() < LONG / 2);
    drop(answer);
    assert_eq!(written.recv_timeout(LONG), Ok(Wrote::Records(2)));
}

#[test]
fn a_disk_that_hangs_at_the_start_is_left_alone() {
    let (disk, written) = disk();
    let (go, gate) = channel::<()>();
    let open = move || {
        let _ = gate.recv();
        (disk, "read")
    };
    let window = || Some(vec![7]);
    let before = Instant::now();
    let started = StoreWriter::start(open, Duration::from_millis(10), NEVER, window, || {});
    assert!(matches!(started, Err(Problem::Slow)));
    assert!(before.elapsed() < LONG / 2);
    drop(go);
    let late = written.recv_timeout(LONG);
    assert_eq!(late, Ok(Wrote::Closed), "closed, and nothing written");
}

#[test]
fn a_panic_at_the_start_is_told_apart_from_a_disk_that_hangs() {
    let open = || -> (Disk, ()) { resume_unwind(Box::new("on the disk")) };
    let started = StoreWriter::start(open, LONG, NEVER, || None, || {});
    assert!(matches!(started, Err(Problem::Panicked)));
}

#[test]
fn failures_and_panics_are_counted_and_the_thread_goes_on() {
    let (disk, written, answer) = slow_disk();
    let mut asked = 0;
    let writer = started(disk, Duration::from_millis(1), move || {
        asked += 1;
        if asked == 1 {
            resume_unwind(Box::new("in the window"));
        }
        Some(vec![asked])
    });
    for (next, reply) in [
        (2, Answer::Failed),
        (3, Answer::Panic),
        (4, Answer::Written),
    ] {
        assert_eq!(written.recv_timeout(LONG), Ok(Wrote::Window(vec![next])));
        answer.send(reply).unwrap();
    }
    assert_eq!(written.recv_timeout(LONG), Ok(Wrote::Window(vec![5])));
    assert_eq!(writer.failures(), 3);
}

#[test]
fn a_writer_without_a_thread_takes_everything_and_ends_at_once() {
    let writer = StoreWriter::off();
    writer.write_records(records(1));
    assert!(writer.shared.lock().records.is_none());
    assert!(writer.end(Duration::ZERO));
}

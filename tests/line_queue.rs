//! Takes the writer off the threads that log. It is a process of its own: stacks of other tests would wait for its lines.
#![expect(
    clippy::unwrap_used,
    reason = "a test fails by a panic, which shows its place"
)]

use std::{
    io::{self, ErrorKind, Write},
    mem,
    sync::{
        Arc, Mutex,
        mpsc::{self, Receiver, RecvTimeoutError, Sender},
    },
    thread,
    time::Duration,
};

use tower_vitals::logging::{self, Format, Lines, QueueSettings, WhenFull};
use tracing_subscriber::{Layer as _, layer::SubscriberExt, registry};

/// Longer than anything here takes.
const LONG: Duration = Duration::from_secs(20);

/// Enough to see that something does not happen.
const SOON: Duration = Duration::from_millis(50);

/// What a writer does with one call of `write`.
enum Step {
    /// Takes everything.
    Take,
    /// Takes at most so many bytes.
    Part(usize),
    Fail(ErrorKind),
    Panic,
}

/// A writer that waits for a step before each write, and takes everything once nobody gives steps any more.
struct Stepped {
    steps: Receiver<Step>,
    /// Tells that a write has begun.
    begun: Sender<()>,
    written: Arc<Mutex<Vec<u8>>>,
}

/// The other end of a stepped writer.
struct Steps {
    steps: Sender<Step>,
    begun: Receiver<()>,
    written: Arc<Mutex<Vec<u8>>>,
}

impl Write for Stepped {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let _ = self.begun.send(());
        let taken = match self.steps.recv().unwrap_or(Step::Take) {
            Step::Take => bytes.len(),
            Step::Part(most) => most.min(bytes.len()),
            Step::Fail(kind) => return Err(kind.into()),
            Step::Panic => panic!("a writer that panics"),
        };
        self.written.lock().unwrap().extend(&bytes[..taken]);
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Steps {
    fn give(&self, step: Step) {
        self.steps.send(step).unwrap();
    }

    /// Waits until a write has begun, which takes what waits out of the queue.
    fn begun(&self) {
        self.begun.recv_timeout(LONG).unwrap();
    }

    /// From now on the writer takes everything. Returns what is written once all is.
    fn open(self, lines: &Lines) -> String {
        drop(self.steps);
        assert_eq!(lines.flush(LONG), 0);
        String::from_utf8(mem::take(&mut self.written.lock().unwrap())).unwrap()
    }
}

fn stepped() -> (Stepped, Steps) {
    let (steps, received) = mpsc::channel();
    let (begins, begun) = mpsc::channel();
    let written = Arc::<Mutex<Vec<u8>>>::default();
    let writer = Stepped {
        steps: received,
        begun: begins,
        written: Arc::clone(&written),
    };
    (
        writer,
        Steps {
            steps,
            begun,
            written,
        },
    )
}

fn log(mut lines: &Lines, line: impl std::fmt::Display) {
    lines.write_all(format!("{line}\n").as_bytes()).unwrap();
}

fn text(lines: impl IntoIterator<Item = u32>) -> String {
    lines.into_iter().map(|line| format!("{line}\n")).collect()
}

#[test]
fn lines_leave_in_the_order_in_which_they_came() {
    let (writer, steps) = stepped();
    let lines = logging::queued(writer).unwrap();
    thread::scope(|scope| {
        for thread in 0..4 {
            let lines = &lines;
            scope.spawn(move || (0..1_000).for_each(|n| log(lines, format_args!("{thread} {n}"))));
        }
    });
    let written = steps.open(&lines);
    assert_eq!(written.lines().count(), 4_000);
    for thread in 0..4 {
        let own = written.lines().filter_map(|line| {
            let (from, n) = line.split_once(' ').unwrap();
            (from == thread.to_string()).then(|| n.parse::<u32>().unwrap())
        });
        assert!(own.eq(0..1_000), "thread {thread}");
    }
}

#[test]
fn the_queue_holds_so_many_lines_and_bytes_and_no_more() {
    let settings = QueueSettings::new();
    // A line has two bytes.
    for (what, settings, room) in [
        ("lines", settings.lines(5), 5),
        ("bytes", settings.bytes(10), 5),
        ("one line", settings.lines(1), 1),
    ] {
        let (writer, steps) = stepped();
        let lines = settings.start(writer).unwrap();
        log(&lines, 0);
        // A line that is being written still takes its room.
        steps.begun();
        (1..10).for_each(|n| log(&lines, n));
        assert_eq!(lines.flush(SOON), u64::from(room), "{what}");
        steps.give(Step::Take);
        if room > 1 {
            // All others in one batch.
            steps.begun();
            assert_eq!(lines.flush(SOON), u64::from(room - 1), "{what}");
        } else {
            assert_eq!(lines.flush(LONG), 0, "{what}");
        }
        log(&lines, 7);
        let written = steps.open(&lines);
        assert_eq!(written, text((0..room).chain([7])), "{what}");
    }
}

#[test]
fn a_line_that_never_fits_is_dropped_in_either_mode() {
    for when_full in [WhenFull::Drop, WhenFull::Block] {
        let (writer, steps) = stepped();
        let settings = QueueSettings::new().bytes(10).when_full(when_full);
        let lines = settings.start(writer).unwrap();
        log(&lines, "0123456789");
        log(&lines, "012345678");
        assert_eq!(steps.open(&lines), "012345678\n");
    }
}

#[test]
fn by_choice_a_full_queue_blocks_and_loses_nothing() {
    let (writer, steps) = stepped();
    let settings = QueueSettings::new().lines(2).when_full(WhenFull::Block);
    let lines = settings.start(writer).unwrap();
    let (logged, done) = mpsc::channel();
    let logging = lines.clone();
    let thread = thread::spawn(move || {
        for n in 0..100 {
            log(&logging, n);
            logged.send(n).unwrap();
        }
    });
    // The first line is being written, the second waits, and the third has no room.
    assert_eq!(done.recv_timeout(LONG), Ok(0));
    assert_eq!(done.recv_timeout(LONG), Ok(1));
    done.recv_timeout(SOON).unwrap_err();
    steps.give(Step::Take);
    assert_eq!(done.recv_timeout(LONG), Ok(2));
    drop(steps.steps);
    thread.join().unwrap();
    assert_eq!(lines.flush(LONG), 0);
    let written = steps.written.lock().unwrap();
    assert_eq!(*written, text(0..100).as_bytes());
}

#[test]
fn a_short_write_is_continued_and_an_interrupted_one_is_tried_again() {
    let (writer, steps) = stepped();
    let lines = logging::queued(writer).unwrap();
    for step in [
        Step::Part(3),
        Step::Fail(ErrorKind::Interrupted),
        Step::Part(1),
        Step::Fail(ErrorKind::WouldBlock),
    ] {
        steps.give(step);
    }
    log(&lines, "hello world");
    assert_eq!(steps.open(&lines), "hello world\n");
}

#[test]
fn an_error_or_a_panic_of_the_writer_costs_one_line() {
    let fail = || Step::Fail(ErrorKind::StorageFull);
    for (steps, expected) in [
        (vec![fail()], "1\n2\n"),
        (vec![fail(), fail(), fail()], ""),
        (vec![Step::Panic, fail()], "2\n"),
        (vec![Step::Part(0)], "1\n2\n"),
        // The line of the error is cut off, and the next one does not continue it.
        (vec![Step::Part(1), fail()], "0\n1\n2\n"),
        (vec![Step::Part(3), fail()], "0\n1\n2\n"),
        (vec![Step::Part(3), fail(), fail()], "0\n1"),
        (vec![Step::Part(2), fail()], "0\n2\n"),
    ] {
        let (writer, given) = stepped();
        let lines = logging::queued(writer).unwrap();
        // One write holds the writer, so that the three lines come in one batch.
        log(&lines, "-");
        given.begun();
        (0..3).for_each(|n| log(&lines, n));
        given.give(Step::Take);
        steps.into_iter().for_each(|step| given.give(step));
        assert_eq!(given.open(&lines), format!("-\n{expected}"));
    }
}

#[test]
fn a_flush_says_how_many_lines_still_wait() {
    let (writer, steps) = stepped();
    let lines = logging::queued(writer).unwrap();
    assert_eq!(lines.flush(LONG), 0);
    (0..3).for_each(|n| log(&lines, n));
    assert_eq!(lines.flush(SOON), 3);
    // A handle that is dropped does nothing while another one is there.
    drop(lines.clone());
    assert_eq!(lines.flush(Duration::ZERO), 3);
    let flushing = lines.clone();
    let flushed = thread::spawn(move || flushing.flush(LONG));
    assert_eq!(steps.open(&lines), text(0..3));
    assert_eq!(flushed.join().unwrap(), 0);
}

#[test]
fn a_flush_does_not_wait_for_lines_that_come_later() {
    let (writer, steps) = stepped();
    let lines = logging::queued(writer).unwrap();
    let flushing = lines.clone();
    let (flushed, done) = mpsc::channel();
    log(&lines, 0);
    steps.begun();
    thread::spawn(move || flushed.send(flushing.flush(LONG)));
    // The next line comes before the last one is written, so the queue is never empty.
    let ended = (1..100_000).find_map(|n| {
        log(&lines, n);
        steps.give(Step::Take);
        steps.begun();
        done.try_recv().ok()
    });
    assert_eq!(ended, Some(0));
    steps.open(&lines);
}

#[test]
fn the_thread_writes_the_rest_and_ends_after_the_last_handle() {
    let (writer, steps) = stepped();
    let lines = logging::queued(writer).unwrap();
    (0..3).for_each(|n| log(&lines, n));
    drop(lines);
    drop(steps.steps);
    // The writer is dropped with its thread, and its end of the channel with it.
    let ended = loop {
        if let Err(ended) = steps.begun.recv_timeout(LONG / 4) {
            break ended;
        }
    };
    assert_eq!(ended, RecvTimeoutError::Disconnected);
    assert_eq!(*steps.written.lock().unwrap(), text(0..3).as_bytes());
}

#[test]
fn what_the_writer_logs_is_lost_and_does_not_feed_it() {
    /// Logs through its own queue.
    struct Logging(Arc<Mutex<Option<Lines>>>, Arc<Mutex<Vec<u8>>>);
    impl Write for Logging {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.1.lock().unwrap().extend(bytes);
            if let Some(lines) = &*self.0.lock().unwrap() {
                log(lines, "written");
            }
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    // Blocking, it would wait for itself.
    for when_full in [WhenFull::Drop, WhenFull::Block] {
        let (own, written) = (Arc::default(), Arc::default());
        let writer = Logging(Arc::clone(&own), Arc::clone(&written));
        let settings = QueueSettings::new().lines(1).when_full(when_full);
        let lines = settings.start(writer).unwrap();
        *own.lock().unwrap() = Some(lines.clone());
        log(&lines, 1);
        assert_eq!(lines.flush(LONG), 0);
        assert_eq!(*written.lock().unwrap(), b"1\n");
        *own.lock().unwrap() = None;
    }
}

#[test]
fn a_layer_gives_each_event_to_the_queue_as_one_line() {
    for format in [Format::Json, Format::Text] {
        let (writer, steps) = stepped();
        let lines = QueueSettings::new().lines(2).start(writer).unwrap();
        let layer = logging::layer(format, lines.clone(), false);
        tracing::subscriber::with_default(registry().with(layer), || {
            (0..3).for_each(|n| tracing::info!(n, "told"));
        });
        let written = steps.open(&lines);
        assert_eq!(written.lines().count(), 2, "{written}");
        assert!(written.ends_with('\n'), "{written}");
    }
}

#[test]
fn an_event_without_spans_allocates_nothing() {
    let times = |format, lines: Option<&Lines>| {
        let subscriber = tracing::Dispatch::new(match lines {
            Some(lines) => registry().with(logging::layer(format, lines.clone(), false).boxed()),
            None => registry().with(logging::layer(format, io::sink, false).boxed()),
        });
        tracing::dispatcher::with_default(&subscriber, || {
            let event = || tracing::info!(n = 7, name = "a name", done = true, half = %0.5, "told");
            // The queue makes room for its lines once.
            for _ in 0..100 {
                event();
                lines.map(|lines| lines.flush(LONG));
            }
            allocation_counter::measure(event).count_total
        })
    };
    let lines = logging::queued(io::sink()).unwrap();
    // A thread keeps the memory of its last line.
    for format in [Format::Json, Format::Text] {
        assert_eq!(times(format, None), 0, "{format:?}");
        assert_eq!(times(format, Some(&lines)), 0, "{format:?}, queued");
    }
}

#[test]
fn a_queue_without_room_for_a_line_is_refused() {
    for (settings, field) in [
        (QueueSettings::new().lines(0), "logging.lines"),
        (QueueSettings::new().bytes(0), "logging.bytes"),
    ] {
        let error = settings.start(io::sink()).unwrap_err();
        assert_eq!((error.field(), error.value()), (field, "0"));
    }
}

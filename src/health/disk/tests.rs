use std::{
    sync::{
        Condvar, Mutex as StdMutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use super::*;
use crate::health::Health;

fn space(available: u64, total: u64) -> Space {
    Space { available, total }
}

#[test]
fn a_disk_is_judged_by_what_is_free_to_the_byte() {
    for (available, total, expected) in [
        (1_000, 1_000, "fine"),
        (201, 1_000, "fine"),
        (200, 1_000, "degraded"),
        (101, 1_000, "degraded"),
        (100, 1_000, "failed"),
        (0, 1_000, "failed"),
        (0, 0, "failed"),
        (u64::MAX, u64::MAX, "fine"),
        (u64::MAX / 10, u64::MAX, "failed"),
    ] {
        let said = match space(available, total).judge(DEGRADED, FAILED) {
            Ok(Answer::Healthy) => "fine",
            Ok(Answer::Degraded(_)) => "degraded",
            Err(_) => "failed",
        };
        assert_eq!(said, expected, "{available} of {total}");
    }
    assert_eq!(space(1, 100).judge(1, 0).unwrap(), degraded("1 of 100"));
    assert_eq!(
        space(1, 100).judge(100, 99).unwrap_err().to_string(),
        "1 of 100 bytes free"
    );
}

fn degraded(text: &str) -> Answer {
    Answer::Degraded(format!("{text} bytes free"))
}

#[tokio::test]
async fn a_real_disk_has_a_size_and_a_path_that_is_not_there_is_an_error() {
    // Never quite empty, and so degraded at the least; full, if it has to be.
    let real = Check::disk_below("disk", env!("CARGO_MANIFEST_DIR"), 100, 0);
    let text = match real.ask().await {
        Ok(Answer::Degraded(text)) => text,
        other => other.unwrap_err().to_string(),
    };
    let words: Vec<_> = text.split(' ').collect();
    let [available, "of", total, "bytes", "free"] = words[..] else {
        panic!("{text}")
    };
    let (available, total): (u64, u64) = (available.parse().unwrap(), total.parse().unwrap());
    assert!(available < total, "{text}");
    let error = Check::disk("disk", "/nothing/here")
        .ask()
        .await
        .unwrap_err();
    let error = error.downcast::<io::Error>().unwrap();
    assert_eq!(error.kind(), io::ErrorKind::NotFound);
}

#[test]
fn limits_that_cannot_be_fail_at_start() {
    for (degraded, failed, field, value) in [
        (101, 10, "health.disk.degraded", "101"),
        (20, 20, "health.disk.failed", "20"),
        (20, 21, "health.disk.failed", "21"),
        (0, 0, "health.disk.failed", "0"),
    ] {
        let check = Check::disk_below("disk", "/", degraded, failed);
        let error = Health::builder().check(check).start().unwrap_err();
        assert_eq!((error.field(), error.value()), (field, value));
    }
}

/// A file system that hangs until it is let go.
#[derive(Default)]
struct Hanging {
    asked: AtomicUsize,
    free: StdMutex<bool>,
    freed: Condvar,
}

impl Hanging {
    fn measure(&self) -> io::Result<Space> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let free = self.free.lock().unwrap();
        drop(self.freed.wait_while(free, |free| !*free).unwrap());
        Ok(space(1, 1))
    }

    fn let_go(&self) {
        *self.free.lock().unwrap() = true;
        self.freed.notify_all();
    }
}

#[test]
fn a_disk_that_hangs_costs_one_thread_and_keeps_no_runtime_from_ending() {
    let hanging = Arc::new(Hanging::default());
    let check = Check::measured(
        "disk",
        {
            let hanging = Arc::clone(&hanging);
            move || hanging.measure()
        },
        DEGRADED,
        FAILED,
    );
    let runtime = || tokio::runtime::Runtime::new().unwrap();
    let (ended, has_ended) = std::sync::mpsc::channel();
    let asking = thread::spawn({
        let check = check.clone();
        move || {
            runtime().block_on(async {
                for _ in 0..5 {
                    let answer = tokio::time::timeout(Duration::from_millis(20), check.ask());
                    assert!(answer.await.is_err(), "it hangs");
                }
            });
            ended.send(()).unwrap();
        }
    });
    let ended = has_ended.recv_timeout(Duration::from_secs(10));
    let asked = hanging.asked.load(Ordering::SeqCst);
    hanging.let_go();
    asking.join().unwrap();
    assert!(ended.is_ok(), "the runtime waited for the disk");
    assert!(asked <= 1, "asked {asked} times at once");
    // Once it answers again, so does the check.
    let answer = runtime().block_on(check.ask());
    assert_eq!(answer.unwrap(), Answer::Healthy);
    assert_eq!(hanging.asked.load(Ordering::SeqCst), 2);
}

//! Shows how many jobs wait in a queue.

use std::{
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};

use tower_vitals::{Vitals, job_queue};

use crate::exposition::Exposition;

const LENGTH: &str = "job_queue_length";
const AGE: &str = "vitals_sample_age_seconds";

fn isolated() -> Vitals {
    crate::panics::silence_panics_that_were_asked_for();
    Vitals::builder().isolated().build().unwrap()
}

/// The lengths that a scrape shows, once `right` likes them, within ten seconds of the machine's own clock.
#[track_caller]
fn eventually(vitals: &Vitals, right: impl Fn(&Exposition) -> bool) -> Exposition {
    for _ in 0..5_000 {
        let scrape = Exposition::of(vitals);
        if right(&scrape) {
            return scrape;
        }
        thread::sleep(Duration::from_millis(2));
    }
    panic!("{:?}", Exposition::of(vitals).samples)
}

#[test]
fn the_length_of_a_queue_is_asked_for_on_a_thread_of_its_own() {
    let vitals = isolated();
    let here = thread::current().id();
    let length = move || {
        assert_ne!(thread::current().id(), here);
        17
    };
    job_queue("emails", length)
        .metrics(vitals.metrics())
        .start()
        .unwrap();
    let emails = [("queue", "emails")];
    let scrape = eventually(&vitals, |scrape| scrape.sum(LENGTH, &emails) == 17.0);
    assert_eq!(scrape.values(LENGTH, "queue").len(), 1);
    assert!(scrape.values(AGE, "sampler").contains("job_queue:emails"));
}

#[test]
fn a_queue_that_hangs_or_panics_costs_its_own_length() {
    static ASKED: AtomicUsize = AtomicUsize::new(0);
    static HELD: Mutex<Option<mpsc::Receiver<()>>> = Mutex::new(None);
    let vitals = isolated();
    let (release, held) = mpsc::channel();
    *HELD.lock().unwrap() = Some(held);
    let hanging = || {
        let held = HELD.lock().unwrap().take();
        // Until the test ends.
        let _ = held.map(|held| held.recv());
        1
    };
    let panicking = || match ASKED.fetch_add(1, Ordering::Relaxed) {
        0 => panic!("as asked"),
        _ => 2,
    };
    for started in [
        job_queue("hanging", hanging)
            .metrics(vitals.metrics())
            .start(),
        job_queue("panicking", panicking)
            .every(Duration::from_secs(1))
            .metrics(vitals.metrics())
            .start(),
        job_queue("fine", || 3).metrics(vitals.metrics()).start(),
    ] {
        started.unwrap();
    }
    let of = |scrape: &Exposition, queue: &str| scrape.sum(LENGTH, &[("queue", queue)]);
    let scrape = eventually(&vitals, |scrape| {
        of(scrape, "fine") == 3.0 && scrape.sum("vitals_hook_failures_total", &[]) == 1.0
    });
    let known = scrape.values(LENGTH, "queue");
    assert!(!known.contains("hanging"), "{known:?}");
    let ages = scrape.values(AGE, "sampler");
    assert!(ages.contains("job_queue:hanging"), "{ages:?}");
    // It is asked again, and answers.
    eventually(&vitals, |scrape| of(scrape, "panicking") == 2.0);
    drop(release);
    eventually(&vitals, |scrape| of(scrape, "hanging") == 1.0);
}

#[test]
fn a_time_between_questions_out_of_its_range_is_refused() {
    let vitals = isolated();
    for every in [Duration::from_millis(999), Duration::from_secs(3_601)] {
        let queue = job_queue("emails", || 0).every(every);
        let error = queue.metrics(vitals.metrics()).start().unwrap_err();
        assert_eq!(error.field(), "job_queue.emails.every");
    }
    assert_eq!(Exposition::of(&vitals).values(AGE, "sampler").len(), 0);
}

//! Prints what two threads on one route do for each other.

use std::{sync::Barrier, thread};

use rustix::thread::{CpuSet, sched_setaffinity};
use tokio::time::Instant;
use tower_vitals_benches::{
    Case, Driver, Subject,
    clock::{cpu_time, median},
    subject::{OURS, OURS_JSON, PEERS, PROMETHEUS},
};

use crate::{measure, table};

const SUBJECTS: [&str; 5] = ["bare", OURS, OURS_JSON, PROMETHEUS, PEERS];
const ROUNDS: usize = 31;
const REQUESTS: usize = 20_000;

pub fn print() {
    println!(
        "Two threads on one route against one, medians of {ROUNDS} rounds in turns. By CPU time it is twice what a \
         request takes on one thread over what it takes on two: that holds where other programs want the cores too."
    );
    println!();
    table::head(&["around the application", "throughput", "by CPU time"]);
    for subject in SUBJECTS {
        let ratios = measure::numbers(&["contend", subject]);
        table::row(subject, &[table::ratio(ratios[0]), table::ratio(ratios[1])]);
    }
}

/// Throughput and, by CPU time, what it would be on a quiet machine.
pub fn run(subject: &Subject) {
    let one = Driver::new(subject);
    let two = one.twin();
    let ratios: Vec<_> = (0..ROUNDS)
        .map(|_| {
            let alone = together(&[&one]);
            let both = together(&[&one, &two]);
            (2.0 * alone.0 / both.0, 2.0 * alone.1 / both.1)
        })
        .collect();
    let throughput = median(ratios.iter().map(|ratio| ratio.0).collect());
    let by_cpu = median(ratios.iter().map(|ratio| ratio.1).collect());
    println!("{throughput} {by_cpu}");
}

/// So that the two never share a core.
fn stay_on(core: usize) {
    let mut cores = CpuSet::new();
    cores.set(core);
    sched_setaffinity(None, &cores).expect("a core for each of two threads");
}

/// Each sends as many requests: how long until all are done, and the CPU time of one.
fn together(drivers: &[&Driver]) -> (f64, f64) {
    let start = Barrier::new(drivers.len() + 1);
    thread::scope(|scope| {
        let threads: Vec<_> = drivers
            .iter()
            .enumerate()
            .map(|(core, driver)| {
                let start = &start;
                scope.spawn(move || {
                    stay_on(core);
                    driver.run(Case::Found, 100);
                    start.wait();
                    cpu_time(|| driver.run(Case::Found, REQUESTS))
                })
            })
            .collect();
        start.wait();
        let started = Instant::now();
        let times = threads
            .into_iter()
            .map(|thread| thread.join().expect("no panic"));
        let cpu = times.sum::<f64>() / drivers.len() as f64;
        (started.elapsed().as_secs_f64(), cpu)
    })
}

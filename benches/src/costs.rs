//! Prints instructions, allocations and CPU time of one request.

use std::{
    future::ready,
    hint::black_box,
    pin::pin,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Waker},
    thread,
};

use tower_vitals::{metrics::Metrics, monitored};
use tower_vitals_benches::{
    Case, Driver, SUBJECTS, Subject,
    clock::{cpu_time, median},
    subject::{PEERS, PEERS_JSON},
};

use crate::{
    measure,
    table::{self, number, number_or_dash},
};

/// How many requests are counted.
pub const REQUESTS: usize = 1_000;

/// How many calls of a monitored function are counted.
pub const CALLS: usize = 1_000;

const ROUNDS: usize = 31;
const REQUESTS_A_ROUND: usize = 1_000;

const PEERS_BY_NAME: [&str; 6] = [
    "axum",
    "axum-prometheus",
    "opentelemetry-instrumentation-tower",
    "sentry-tower",
    "tower-http",
    "tower-otel",
];

/// What one request of a kind costs around one subject.
#[derive(Clone, Copy)]
struct Cost {
    instructions: Option<i64>,
    allocations: i64,
    bytes: i64,
}

/// One row for each subject: all there is of `200`, and of the other cases instructions and allocations.
pub fn print() {
    let costs = all();
    let column = |case: Case| {
        let column = Case::ALL.iter().position(|other| *other == case);
        column.expect("a case")
    };
    let added = |row: usize, case: Case| {
        let (cost, bare) = (costs[row][column(case)], costs[0][column(case)]);
        if row == 0 { bare } else { cost.over(bare) }
    };
    let instructions_of = |name: &str| {
        let row = SUBJECTS.iter().position(|subject| subject.name == name);
        added(row.expect("a subject"), Case::Found).instructions
    };
    println!(
        "One request; `bare` in full, the others as what they add to it. First a 200 with the 12 headers of a browser; \
         then instructions and allocations of the same with 4 headers, and of others.\n\n{}.\n",
        versions()
    );
    table::head(&[
        "around the application",
        "instructions",
        "of peers'",
        "allocations",
        "bytes",
        "CPU time × bare",
        "4 headers",
        "404",
        "500",
        "gRPC unary",
    ]);
    for (row, subject) in SUBJECTS.iter().enumerate() {
        let found = added(row, Case::Found);
        let peers = match subject.name.contains("JSON") {
            true => PEERS_JSON,
            false => PEERS,
        };
        let of_peers = match (found.instructions, instructions_of(peers)) {
            (Some(ours), Some(theirs)) if row > 0 => format!("{:.3}", ours as f64 / theirs as f64),
            _ => String::new(),
        };
        let ratio = measure::numbers(&["ratio", subject.name, Case::Found.name()])[0];
        let mut cells = vec![
            number_or_dash(found.instructions),
            of_peers,
            number(found.allocations),
            number(found.bytes),
            table::ratio(ratio),
        ];
        cells.extend(Case::ALL[1..].iter().map(|case| {
            let cost = added(row, *case);
            let instructions = number_or_dash(cost.instructions);
            format!("{instructions}, {}", number(cost.allocations))
        }));
        table::row(subject.name, &cells);
    }
}

/// Of the peers, as they are locked.
fn versions() -> String {
    let lock = include_str!("../Cargo.lock");
    let version = |peer: &&str| {
        let (_, rest) = lock.rsplit_once(&format!("name = \"{peer}\"\nversion = \""))?;
        let (version, _) = rest.split_once('"')?;
        Some(format!("{peer} {version}"))
    };
    let versions: Vec<_> = PEERS_BY_NAME.iter().filter_map(version).collect();
    versions.join(", ")
}

/// What callgrind looks at.
pub fn run(subject: &Subject, case: Case) {
    let driver = Driver::new(subject);
    driver.run(case, 200);
    driver.measured(REQUESTS, &|_| case.request());
}

/// What callgrind looks at: a monitored function that returns at once.
pub fn call() {
    // Without counters it would be kept for later.
    let _ = Metrics::global();
    let driver = Driver::new(&SUBJECTS[0]);
    let code = || {
        let call = pin!(monitored("call").run(ready(black_box(7))));
        let polled = call.poll(&mut Context::from_waker(Waker::noop()));
        assert!(black_box(polled).is_ready());
    };
    // The thread then has counters of its own.
    (0..CALLS).for_each(|_| code());
    driver.measured_code(CALLS, &code);
}

/// On all cores: what is counted does not depend on time.
fn all() -> Vec<Vec<Cost>> {
    let jobs: Vec<_> = SUBJECTS
        .iter()
        .flat_map(|subject| Case::ALL.map(|case| (subject, case)))
        .collect();
    let next = AtomicUsize::new(0);
    let costs = Mutex::new(vec![None; jobs.len()]);
    let work = || {
        loop {
            let job = next.fetch_add(1, Ordering::Relaxed);
            let Some((subject, case)) = jobs.get(job) else {
                break;
            };
            let cost = Cost::of(subject, *case);
            costs.lock().expect("no panic")[job] = Some(cost);
        }
    };
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, Into::into) {
            scope.spawn(work);
        }
    });
    let costs: Vec<Cost> = costs
        .into_inner()
        .expect("no panic")
        .into_iter()
        .flatten()
        .collect();
    costs.chunks(Case::ALL.len()).map(<[_]>::to_vec).collect()
}

/// CPU time around the subject against bare, in turns, so that what else the machine does falls on both.
pub fn ratio(subject: &Subject, case: Case) {
    let (bare, subject) = (Driver::new(&SUBJECTS[0]), Driver::new(subject));
    let ratios = (0..ROUNDS).map(|_| {
        let [bare, subject] =
            [&bare, &subject].map(|driver| cpu_time(|| driver.run(case, REQUESTS_A_ROUND)));
        subject / bare
    });
    println!("{}", median(ratios.collect()));
}

// === impl Cost ===

impl Cost {
    fn of(subject: &Subject, case: Case) -> Self {
        let counted = measure::counted(&["request", subject.name, case.name()]);
        let instructions = measure::instructions(&["run", subject.name, case.name()]);
        Self {
            instructions: instructions.map(|all| all as i64 / REQUESTS as i64),
            allocations: counted[0] as i64,
            bytes: counted[1] as i64,
        }
    }

    fn over(self, bare: Self) -> Self {
        let instructions = self.instructions.zip(bare.instructions);
        Self {
            instructions: instructions.map(|(this, bare)| this - bare),
            allocations: self.allocations - bare.allocations,
            bytes: self.bytes - bare.bytes,
        }
    }
}

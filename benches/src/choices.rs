//! Prints what each thing adds to a request that is off by default, and what a line costs the thread that writes.

use std::{
    collections::{BTreeSet, HashMap},
    env, fs,
    io::{self, Write},
    process,
    sync::Mutex,
    thread,
};

use tower_vitals::{
    logging::{self, LogFile},
    scrub::Scrubbing,
};
use tower_vitals_benches::{
    Case, Driver, SUBJECTS,
    subject::{CHOICES, Choice},
};

use crate::{
    costs::REQUESTS,
    measure,
    table::{self, number, number_or_dash},
};

/// How many lines are written.
const LINES: usize = 1_000;

/// What is written to, by the name of the argument.
const WRITERS: [(&str, &str); 5] = [
    ("sink", "to nobody"),
    ("scrubbed", "scrubbed (`LOG_SCRUB=true`), to nobody"),
    ("health", "scrubbed (`LOG_SCRUB=health_data`), to nobody"),
    ("opened", "to a file that is never rotated"),
    ("rotated", "to `LOG_FILE`"),
];

/// The event of the requests of the benches, as `LOG_FORMAT=json` writes it.
const JSON: &[u8] = br#"{"timestamp":"2026-11-21T13:24:51.138Z","level":"INFO","target":"tower_vitals","message":"request","request_id":"01a1fe47-f542-7eac-82ea-117cbc89e288","method":"GET","path":"/hello/42","endpoint":"/hello/{id}","status":200,"outcome":"completed","severity":"normal","head_ms":0.311,"total_ms":0.358,"bytes":13,"service":"shop","release":"0.1.0","environment":"production"}
"#;

/// The same with `LOG_FORMAT=text`.
const TEXT: &[u8] = b"2026-11-21T13:24:51.138Z INFO tower_vitals: GET /hello/{id} 200 0 ms id=01a1fe47-f542-7eac-82ea-117cbc89e288\n";

/// One row for each choice, then one for each writer.
pub fn print() {
    println!(
        "What is off by default adds to a request with the 12 headers of a browser; without the instructions of the \
         allocator and of copies.\n"
    );
    table::head(&["", "instructions", "allocations"]);
    for (choice, row) in CHOICES.iter().zip(rows()) {
        table::row(choice.subject.name, &row);
    }
    println!("\nA line costs the thread that writes; without the instructions of the kernel.\n");
    table::head(&["", "instructions, JSON", "instructions, text"]);
    for (argument, name) in WRITERS {
        let cells = ["json", "text"].map(|format| {
            let all = measure::instructions(&["line", argument, format]);
            number_or_dash(all.map(|all| all as i64 / LINES as i64))
        });
        table::row(name, &cells);
    }
}

/// What callgrind looks at: lines that are written on this thread.
pub fn lines(writer: &str, format: &str) {
    let line = match format {
        "json" => JSON,
        _ => TEXT,
    };
    let path = env::temp_dir().join(format!("tower-vitals-lines-{}", process::id()));
    let scrubbing = match writer {
        "health" => Scrubbing::health_data(),
        _ => Scrubbing::new(),
    };
    let writer: Box<dyn Write> = match writer {
        "sink" => Box::new(io::sink()),
        "opened" => Box::new(fs::File::create(&path).expect("a file")),
        "rotated" => Box::new(LogFile::open(&path).expect("a file")),
        _ => Box::new(logging::scrubbed(scrubbing, io::sink()).expect("no keys")),
    };
    let writer = Mutex::new(writer);
    let write = || {
        let mut writer = writer.lock().expect("no panic");
        writer.write_all(line).expect("a line");
    };
    let driver = Driver::new(&SUBJECTS[0]);
    (0..LINES).for_each(|_| write());
    driver.measured_code(LINES, &write);
    // Those that write to no file have none.
    let _ = fs::remove_file(path);
}

/// Instructions without the allocator and copies, and allocations, of each subject.
type Costs = HashMap<&'static str, (Option<i64>, i64)>;

/// The cells of each choice.
fn rows() -> Vec<Vec<String>> {
    let costs = costs();
    let row = |choice: &Choice| {
        let (with, without) = (costs[choice.subject.name], costs[choice.base]);
        let added = with.0.zip(without.0).map(|(with, without)| with - without);
        vec![number_or_dash(added), number(with.1 - without.1)]
    };
    CHOICES.iter().map(row).collect()
}

/// On two threads: what is counted does not depend on time.
fn costs() -> Costs {
    let names = CHOICES
        .iter()
        .flat_map(|choice| [choice.subject.name, choice.base]);
    let names: Vec<_> = names.collect::<BTreeSet<_>>().into_iter().collect();
    let work = |names: &[&'static str]| {
        names
            .iter()
            .map(|name| (*name, cost(name)))
            .collect::<Costs>()
    };
    let (first, second) = names.split_at(names.len() / 2);
    thread::scope(|scope| {
        let first = scope.spawn(|| work(first));
        let mut costs = work(second);
        costs.extend(first.join().expect("no panic"));
        costs
    })
}

fn cost(subject: &str) -> (Option<i64>, i64) {
    let found = measure::split_instructions(&["run", subject, Case::Found.name()]);
    let own = found.map(|found| (found.all - found.varying) as i64 / REQUESTS as i64);
    let allocations = measure::counted(&["request", subject, Case::Found.name()])[0];
    (own, allocations as i64)
}

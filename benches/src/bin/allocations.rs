//! Counts allocations; a program of its own, since the allocator that counts costs instructions.

use std::env;

use tower_vitals_benches::{Case, Driver, Subject};

const REQUESTS: u64 = 1_000;

fn main() {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["request", subject, case] => request(Subject::named(subject), Case::named(case)),
        _ => panic!("run by the benches, not by hand"),
    }
}

/// Allocations and bytes a request.
fn request(subject: &Subject, case: Case) {
    let driver = Driver::new(subject);
    driver.run(case, 100);
    let info = allocation_counter::measure(|| driver.run(case, REQUESTS as usize));
    println!(
        "{} {}",
        info.count_total / REQUESTS,
        info.bytes_total / REQUESTS
    );
}

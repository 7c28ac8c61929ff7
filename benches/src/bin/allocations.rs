//! Prints allocations and bytes a request of one variant.

use tower_vitals_benches::Subject;

const REQUESTS: u64 = 1_000;

fn main() {
    let variant = std::env::args().nth(1).expect("a variant");
    let subject = Subject::new(&variant);
    subject.run(100);
    let info = allocation_counter::measure(|| subject.run(REQUESTS as usize));
    println!(
        "{} {}",
        info.count_total / REQUESTS,
        info.bytes_total / REQUESTS
    );
}

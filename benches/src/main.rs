//! Prints what each layer costs, in instructions (callgrind) and allocations a request.
//!
//! With a variant and a number it only sends that many requests: that is what it runs under valgrind, twice, so that the
//! difference holds no start and no end.

use std::{env, fs, process::Command};

use tower_vitals_benches::{Subject, VARIANTS};

const REQUESTS: u64 = 2_000;

fn main() {
    let arguments: Vec<String> = env::args().skip(1).collect();
    if let [variant, requests] = &arguments[..] {
        return Subject::new(variant).run(requests.parse().expect("a number"));
    }
    println!(
        "| around `GET /hello/{{id}}` | instructions | added | allocations | added | bytes | added |"
    );
    println!("| --- | ---: | ---: | ---: | ---: | ---: | ---: |");
    let mut bare = None;
    for variant in VARIANTS {
        let instructions =
            (instructions(variant, 2 * REQUESTS) - instructions(variant, REQUESTS)) / REQUESTS;
        let (allocations, bytes) = allocations(variant);
        let (i, a, b) = *bare.get_or_insert((instructions, allocations, bytes));
        println!(
            "| {variant} | {instructions} | {} | {allocations} | {} | {bytes} | {} |",
            instructions - i,
            allocations - a,
            bytes as i64 - b as i64,
        );
    }
}

/// All instructions of a run.
fn instructions(variant: &str, requests: u64) -> u64 {
    let out = env::temp_dir().join(format!("tower-vitals-callgrind-{}", std::process::id()));
    let status = Command::new("valgrind")
        .args(["--tool=callgrind", "-q"])
        .arg(format!("--callgrind-out-file={}", out.display()))
        .arg(env::current_exe().expect("this program"))
        .args([variant, &requests.to_string()])
        .status()
        .expect("valgrind is not installed");
    assert!(status.success());
    let text = fs::read_to_string(&out).expect("callgrind's output");
    fs::remove_file(out).expect("callgrind's output");
    let totals = text
        .lines()
        .find_map(|line| line.strip_prefix("totals: "))
        .expect("totals");
    totals.trim().parse().expect("a number")
}

/// Counted by a program of its own, whose allocator costs instructions; `cargo run` does not build it by itself.
fn allocations(variant: &str) -> (u64, u64) {
    let out = Command::new(env!("CARGO"))
        .args(["run", "-q", "--release", "--bin", "allocations"])
        .args([
            "--manifest-path",
            concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"),
        ])
        .args(["--", variant])
        .output()
        .expect("allocations");
    let text = String::from_utf8(out.stdout).expect("text");
    let (count, bytes) = text.trim().split_once(' ').expect("two numbers");
    (
        count.parse().expect("a number"),
        bytes.parse().expect("a number"),
    )
}

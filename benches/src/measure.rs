//! Measures, each time in a process of its own.

use std::{
    collections::HashMap,
    env,
    ffi::OsStr,
    fs, mem,
    path::PathBuf,
    process::{self, Command},
    sync::{
        LazyLock,
        atomic::{AtomicUsize, Ordering},
    },
};

static VALGRIND: LazyLock<bool> = LazyLock::new(|| {
    let found = Command::new("valgrind").arg("--version").output().is_ok();
    if !found {
        println!("No instructions: valgrind is missing (`apt-get install -y valgrind`).\n");
    }
    found
});

/// Instructions, and how many of them ran inside the allocator or copied memory. Those vary with the places of what is
/// allocated and copied, and the others repeat.
#[derive(Clone, Copy, Debug, Default)]
pub struct Instructions {
    pub all: u64,
    pub varying: u64,
}

/// All instructions of [`Driver::measured`](tower_vitals_benches::Driver::measured), when this program is run with these
/// arguments: without the start, which differs from run to run by millions.
///
/// `None` without valgrind.
pub fn instructions(arguments: &[&str]) -> Option<u64> {
    Some(split_instructions(arguments)?.all)
}

/// As [`instructions`].
pub fn split_instructions(arguments: &[&str]) -> Option<Instructions> {
    static RUNS: AtomicUsize = AtomicUsize::new(0);
    if !*VALGRIND {
        return None;
    }
    let run = RUNS.fetch_add(1, Ordering::Relaxed);
    let out = env::temp_dir().join(format!("tower-vitals-{}-{run}", process::id()));
    let mut valgrind = Command::new("valgrind");
    valgrind
        .args([
            "--tool=callgrind",
            "-q",
            "--toggle-collect=*Driver*measured*",
        ])
        .arg(format!("--callgrind-out-file={}", out.display()))
        .arg(env::current_exe().expect("this program"))
        .args(arguments);
    output(&mut valgrind);
    let text = fs::read_to_string(&out).expect("callgrind's output");
    fs::remove_file(out).expect("callgrind's output");
    let totals = text.lines().find_map(|line| line.strip_prefix("totals: "));
    let all = totals.expect("totals").trim().parse().expect("a number");
    let varying = varying(&text);
    Some(Instructions { all, varying })
}

/// The instructions that functions of the C library ran themselves that allocate, free or copy.
fn varying(profile: &str) -> u64 {
    let mut names = HashMap::new();
    let (mut inside, mut is_call, mut sum) = (false, false, 0);
    for line in profile.lines() {
        if let Some(function) = line.strip_prefix("fn=") {
            // The name stands where its number comes first.
            let (number, name) = function.split_once(' ').unwrap_or((function, ""));
            let known = names.entry(number).or_insert_with(|| varies(name));
            inside = *known;
        } else if let Some(function) = line.strip_prefix("cfn=") {
            if let Some((number, name)) = function.split_once(' ') {
                names.insert(number, varies(name));
            }
        } else if line.starts_with("calls=") {
            is_call = true;
        } else if line.starts_with(['+', '-', '*'])
            || line.starts_with(|c: char| c.is_ascii_digit())
        {
            let cost = line
                .split_once(' ')
                .and_then(|(_, cost)| cost.parse::<u64>().ok());
            // What follows a call is the cost of the function that was called.
            if inside && !mem::take(&mut is_call) {
                sum += cost.unwrap_or_default();
            }
            is_call = false;
        }
    }
    sum
}

fn varies(name: &str) -> bool {
    let name = name.split(['.', '\'', '@']).next().unwrap_or_default();
    matches!(
        name,
        "malloc"
            | "calloc"
            | "realloc"
            | "free"
            | "malloc_consolidate"
            | "unlink_chunk"
            | "sysmalloc"
            | "systrim"
            | "alloc_perturb"
            | "tcache_init"
            | "posix_memalign"
            | "aligned_alloc"
    ) || ["_int_", "__memcpy", "__memmove", "__memset"]
        .iter()
        .any(|start| name.starts_with(start))
}

/// The numbers that this program prints, when it is run with these arguments.
pub fn numbers(arguments: &[&str]) -> Vec<f64> {
    let program = env::current_exe().expect("this program");
    parse(&output(Command::new(program).args(arguments)))
}

/// The numbers that the program with the allocator that counts prints; `cargo run` does not build it by itself.
pub fn counted(arguments: &[&str]) -> Vec<f64> {
    static PROGRAM: LazyLock<PathBuf> = LazyLock::new(|| {
        let this = env::current_exe().expect("this program");
        let target = this.ancestors().nth(2).expect("target/release/program");
        let mut cargo = Command::new(env!("CARGO"));
        cargo
            .args(["build", "-q", "--release", "--bin", "allocations"])
            .arg("--target-dir")
            .arg(target)
            .current_dir(env!("CARGO_MANIFEST_DIR"));
        output(&mut cargo);
        this.with_file_name("allocations")
    });
    parse(&output(Command::new(&*PROGRAM).args(arguments)))
}

pub fn output(command: &mut Command) -> String {
    let program = command.get_program().to_owned();
    let out = command
        .output()
        .unwrap_or_else(|error| panic!("{}: {error}", OsStr::display(&program)));
    let errors = String::from_utf8_lossy(&out.stderr);
    assert!(out.status.success(), "{command:?}: {errors}");
    String::from_utf8(out.stdout).expect("text")
}

fn parse(text: &str) -> Vec<f64> {
    let words = text.split_whitespace();
    words.map(|word| word.parse().expect("a number")).collect()
}

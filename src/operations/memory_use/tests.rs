use std::{
    fs::{self, OpenOptions},
    io::Write,
    process::Command,
    thread,
};

use super::*;
use crate::{cgroup::Cgroups, metrics::Settings};

#[test]
fn a_file_that_hangs_holds_up_nothing_but_its_own_values_and_its_age_shows() {
    let folder = format!("tower-vitals-use-hangs-{}", std::process::id());
    let folder = std::env::temp_dir().join(folder);
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("memory.max"), "1000").unwrap();
    let pipe = folder.join("memory.current");
    let made = Command::new("mkfifo").arg(&pipe).status().unwrap();
    assert!(made.success());

    let metrics = Settings::new().isolated().unwrap();
    let cgroups = Cgroups::at(&folder, folder.join("own"));
    let memory = UsedMemory::at(cgroups, folder.join("meminfo"));
    ask(memory, &metrics).unwrap();
    asking::on_thread("other", EVERY, Some(&metrics), || {
        vec![Sampled::gauge(Id::ProcessThreads, &[], 3.0)]
    })
    .unwrap();
    // Opens once the thread is there to read, and waits for what is written.
    let mut held = OpenOptions::new().write(true).open(&pipe).unwrap();
    let gauge = |name: &str| metrics.snapshot().gauges.get(name).copied();
    let age = || gauge(r#"vitals_sample_age_seconds{sampler="memory"}"#).unwrap();
    while gauge("process_threads") != Some(3.0) {
        thread::yield_now();
    }
    let before = age();
    assert_eq!(gauge("memory_usage_bytes"), None);
    assert!(age() > before);

    held.write_all(b"300").unwrap();
    drop(held);
    while gauge("memory_usage_bytes") != Some(300.0) {
        thread::yield_now();
    }
    assert_eq!(gauge("memory_usage_percent"), Some(30.0));
    fs::remove_dir_all(folder).unwrap();
}

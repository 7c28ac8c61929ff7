//! Sends signals to processes, and reads what the kernel says of them.

use std::{fs, process::Command, time::Duration};

/// Sends a signal such as `STOP`.
pub(crate) fn signal(name: &str, process: u32) {
    let sent = Command::new("kill")
        .args(["-s", name, &process.to_string()])
        .status()
        .unwrap();
    assert!(sent.success(), "{name} to {process}");
}

/// How long the threads with this name have run on a processor.
pub(crate) fn cpu_of(process: u32, thread: &str) -> Duration {
    let threads = fs::read_dir(format!("/proc/{process}/task")).unwrap();
    let times = threads.filter_map(|one| {
        let folder = one.unwrap().path();
        let name = fs::read_to_string(folder.join("comm")).ok()?;
        (name.trim_end() == thread).then(|| {
            let times = fs::read_to_string(folder.join("schedstat")).unwrap();
            let time = times.split(' ').next().unwrap().parse().unwrap();
            Duration::from_nanos(time)
        })
    });
    times.sum()
}

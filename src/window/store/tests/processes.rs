//! Two processes, and what a killed one leaves.

use std::{
    io::{self, BufRead, BufReader, Write},
    process::{Child, Command, Stdio},
};

use super::*;

/// A process that ends with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // On Unix this is SIGKILL.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Waits until a process prints `line`.
fn wait_for(line: &str, process: &mut Child) {
    let output = BufReader::new(process.stdout.take().unwrap());
    let mut lines = output.lines().map(Result::unwrap);
    assert!(lines.any(|printed| printed.ends_with(line)));
}

#[test]
fn what_a_killed_process_left_is_removed_at_the_next_start() {
    let folder = kept("killed");
    let whole = fs::read(folder.file()).unwrap();
    let before = folder.names();
    let zeros = [0; 4_096];
    let parts = (0..=whole.len()).map(|bytes| &whole[..bytes]);
    for left in parts.chain([&zeros[..]]) {
        for name in ["state.vitals-tmp", "state.events.vitals-tmp"] {
            fs::write(folder.0.join(name), left).unwrap();
        }
        let next = open(&folder.file());
        next.tells(&[]);
        assert_eq!(next.restored.window.as_deref(), Some(&b"a window"[..]));
        assert_eq!(folder.names(), before);
    }
}

#[test]
fn the_second_on_one_file_says_so_and_keeps_its_own_in_memory() {
    let folder = kept("second");
    let first = open(&folder.file());
    first.tells(&[]);
    // Not even the leftover of a write, which may be going on.
    let temporary = folder.0.join("state.vitals-tmp");
    fs::write(&temporary, "").unwrap();
    let mut second = open(&folder.file());
    second.tells(&[("state", LOCKED)]);
    assert_eq!(second.restored.window, None);
    assert_eq!(second.starts(), []);
    assert!(second.store.write_window(b"of the second"));
    assert!(second.store.write_records(&records("7.0")));
    second.tells(&[]);
    assert!(temporary.exists());
    drop((first, second));
    let third = open(&folder.file());
    third.tells(&[]);
    assert_eq!(third.restored.window.as_deref(), Some(&b"a window"[..]));
}

#[test]
fn a_process_that_is_killed_leaves_a_whole_content_and_no_lock() {
    let folder = kept("processes");
    let names = folder.names();
    for round in 0..10 {
        let other = Command::new(env::current_exe().unwrap())
            .args([
                "--exact",
                "window::store::tests::processes::writes_until_it_is_killed",
            ])
            .args(["--ignored", "--nocapture"])
            .env("TOWER_VITALS_STATE", folder.file())
            .stdout(Stdio::piped())
            .spawn();
        let mut other = Running(other.unwrap());
        wait_for("holds", &mut other.0);
        let here = open(&folder.file());
        here.tells(&[("state", LOCKED)]);
        drop((here, other));
        let here = open(&folder.file());
        here.tells(&[]);
        let window = here.restored.window.unwrap();
        assert_eq!(window.len(), 50_000, "round {round}");
        assert!(
            window.iter().all(|byte| *byte == window[0]),
            "round {round}"
        );
        assert_eq!(here.restored.records.starts().count(), 1);
        assert_eq!(folder.names(), names);
    }
}

#[test]
#[ignore = "a program of another test"]
fn writes_until_it_is_killed() {
    let Some(path) = env::var_os("TOWER_VITALS_STATE") else {
        return;
    };
    let mut first = open(Path::new(&path));
    first.tells(&[]);
    // It ends, should nobody kill it.
    for round in 0..20_000 {
        assert!(first.store.write_window(&[round as u8; 50_000]));
        if round == 0 {
            println!("\nholds");
            io::stdout().flush().unwrap();
        }
    }
}

#[test]
#[cfg(unix)]
fn two_names_of_one_file_have_one_lock_and_a_link_stays_a_link() {
    let folder = kept("link");
    fs::create_dir(folder.0.join("other")).unwrap();
    let link = folder.0.join("other/link");
    std::os::unix::fs::symlink("../state", &link).unwrap();
    let mut first = open(&link);
    first.tells(&[]);
    assert!(first.store.write_window(b"by the link"));
    open(&folder.file()).tells(&[("state", LOCKED)]);
    drop(first);
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    let second = open(&folder.file());
    assert_eq!(second.restored.window.as_deref(), Some(&b"by the link"[..]));
}

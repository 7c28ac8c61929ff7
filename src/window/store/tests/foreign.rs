//! What is not ours stays as it is.

use std::process::Command;

use super::*;

#[test]
fn a_file_that_is_not_ours_is_never_touched() {
    let folder = Folder::new("foreign");
    let zeros = [0; 4_096];
    let large = [b'x'; 100_000];
    let foreign: [&[u8]; 6] = [
        b"x",
        b"my notes\n",
        b"\x89PNG\r\n\x1a\n",
        b"\x89TVS\n\x1a\n",
        &zeros,
        &large,
    ];
    for content in foreign {
        fs::write(folder.file(), content).unwrap();
        let mut first = open(&folder.file());
        first.tells(&[("state", FOREIGN)]);
        assert_eq!(first.restored.window, None);
        for _ in 0..2 {
            assert!(first.store.write_window(b"a window"), "off, and no failure");
        }
        assert!(
            first.store.write_records(&records("1.4.2")),
            "the other goes on"
        );
        first.tells(&[]);
        assert_eq!(fs::read(folder.file()).unwrap(), content);
        drop(first);
        assert_eq!(open(&folder.file()).starts().len(), 1);
    }
}

#[test]
fn a_file_that_somebody_puts_there_later_is_not_touched_either() {
    let folder = kept("later");
    let mut second = open(&folder.file());
    fs::write(folder.file(), "my notes").unwrap();
    assert!(!second.store.write_window(b"newer"));
    assert!(!second.store.write_window(b"newer"));
    second.tells(&[("state", FOREIGN)]);
    assert_eq!(fs::read(folder.file()).unwrap(), b"my notes");
    fs::remove_file(folder.file()).unwrap();
    assert!(second.store.write_window(b"newer"), "they took it away");
    second.tells(&[]);
}

#[test]
fn the_state_of_another_service_or_of_another_kind_is_left_alone() {
    let folder = kept("service");
    let whole = || ["state", "state.events"].map(|name| fs::read(folder.0.join(name)).unwrap());
    let before = whole();
    let mut other = opened(&folder.file(), 65_536, "billing");
    let why = r#"the state of service "shop", so it is left as it is"#;
    other.tells(&[("state", why), ("state.events", why)]);
    assert!(other.store.write_window(b"of another"));
    assert!(other.store.write_records(&records("7.0")));
    drop(other);
    let mut swapped = open(&folder.0.join("state.events"));
    let why = "a file of this crate with other content, so it is left as it is";
    swapped.tells(&[("state.events", why)]);
    assert!(swapped.store.write_window(b"of another"));
    assert_eq!(whole(), before);
}

#[test]
fn a_temporary_file_that_is_not_ours_is_not_removed() {
    let folder = kept("temporary");
    let path = folder.0.join("state.vitals-tmp");
    fs::write(&path, "my notes").unwrap();
    let mut next = open(&folder.file());
    assert!(!next.store.write_window(b"newer"));
    let why = format!("cannot write it: {} is not ours", path.display());
    next.tells(&[("state", &why)]);
    assert_eq!(next.restored.window.as_deref(), Some(&b"a window"[..]));
    assert_eq!(fs::read(path).unwrap(), b"my notes");
}

#[test]
#[cfg(unix)]
fn a_pipe_or_a_folder_in_the_way_costs_one_warning_and_never_waits() {
    let why = "not a regular file";
    for (name, file, step) in [
        ("state", "state", "cannot read it"),
        ("state.events", "state.events", "cannot read it"),
        ("state.lock", "state", "cannot lock it"),
        ("state.vitals-tmp", "state", "cannot write it"),
    ] {
        let folder = Folder::new("pipe");
        let path = folder.0.join(name);
        for in_the_way in ["mkfifo", "mkdir"] {
            let made = Command::new(in_the_way).arg(&path).status();
            assert!(made.unwrap().success());
            let mut first = open(&folder.file());
            first.store.write_window(b"a window");
            first.store.write_records(&records("1.4.2"));
            let reason = match name {
                "state.vitals-tmp" => format!("{step}: {} is not ours", path.display()),
                _ => format!("{step}: {why}"),
            };
            first.tells(&[(file, &reason)]);
            assert!(!fs::symlink_metadata(&path).unwrap().is_file(), "it stays");
            drop(first);
            match in_the_way {
                "mkdir" => fs::remove_dir(&path).unwrap(),
                _ => fs::remove_file(&path).unwrap(),
            }
        }
    }
}

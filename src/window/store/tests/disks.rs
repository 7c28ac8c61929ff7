//! Disks that are full, gone or not ours to write.

use std::process::Command;

use super::*;

#[test]
fn the_limit_is_the_size_of_the_file() {
    let folder = Folder::new("limit");
    let mut first = opened(&folder.file(), 65_536, "shop");
    let place = StatePlace {
        path: folder.file(),
        max_bytes: 65_536,
    };
    let room = window_room(&place, Some("shop"));
    let full = vec![7; room];
    assert!(first.store.write_window(&full));
    assert_eq!(fs::metadata(folder.file()).unwrap().len(), 65_536);
    let why = "cannot write it: more than 65536 bytes";
    for _ in 0..2 {
        assert!(!first.store.write_window(&vec![8; room + 1]));
    }
    first.tells(&[("state", why)]);
    drop(first);
    let again = opened(&folder.file(), 65_536, "shop");
    again.tells(&[]);
    assert!(
        again.restored.window.as_ref() == Some(&full),
        "the old content stays"
    );
    drop(again);
    let mut smaller = opened(&folder.file(), 65_535, "shop");
    let why = "more than 65535 bytes, so it will be replaced";
    smaller.tells(&[("state", why)]);
    assert_eq!(smaller.restored.window, None);
    assert!(smaller.store.write_window(b"a window"), "it is ours");
}

#[test]
fn a_folder_that_is_gone_costs_one_warning_until_it_is_back() {
    let folder = kept("gone");
    let mut second = open(&folder.file());
    for _ in 0..2 {
        fs::remove_dir_all(&folder.0).unwrap();
        for _ in 0..3 {
            assert!(!second.store.write_window(b"newer"));
        }
        let told = second.told();
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(told[0].1.starts_with("cannot write it: "), "{told:?}");
        fs::create_dir(&folder.0).unwrap();
        assert!(second.store.write_window(b"newer"));
        second.tells(&[]);
    }
}

#[test]
fn a_folder_that_cannot_be_used_costs_one_warning() {
    let folder = Folder::new("unusable");
    fs::write(folder.file(), "a file").unwrap();
    let mut first = open(&folder.file().join("below"));
    let told = first.told();
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0].0, "below");
    assert!(told[0].1.starts_with("cannot lock it: "), "{told:?}");
    assert!(first.store.write_window(b"a window"));
    assert!(first.store.write_records(&records("1.4.2")));
    first.tells(&[]);
    assert_eq!(folder.names(), ["state"]);
}

#[test]
#[cfg(unix)]
fn a_full_disk_costs_one_warning_and_leaves_the_old_content() {
    let folder = kept("full");
    // A file that may not grow is what a full disk is, and needs no rights.
    let script = r#"trap "" XFSZ; ulimit -f 8; exec "$0" --exact window::store::tests::disks::fills_the_disk --ignored"#;
    let program = Command::new("sh")
        .args(["-c", script])
        .arg(env::current_exe().unwrap())
        .env("TOWER_VITALS_STATE", folder.file())
        .output();
    let program = program.unwrap();
    let printed = String::from_utf8_lossy(&program.stdout);
    assert!(program.status.success(), "{printed}");
    assert!(printed.contains("1 passed"), "{printed}");
    let here = open(&folder.file());
    here.tells(&[]);
    assert_eq!(here.restored.window.as_deref(), Some(&b"it fits"[..]));
    assert_eq!(folder.names(), ["state", "state.events", "state.lock"]);
}

/// By hand, with a file on a small disk: `TOWER_VITALS_STATE=/mnt/state`.
#[test]
#[ignore = "a program of another test"]
fn fills_the_disk() {
    let Some(path) = env::var_os("TOWER_VITALS_STATE") else {
        return;
    };
    let mut first = open(Path::new(&path));
    let large = vec![7; 60_000];
    for _ in 0..2 {
        assert!(!first.store.write_window(&large));
        let temporary = disk::with_ending(Path::new(&path), ".vitals-tmp");
        assert!(!temporary.exists(), "it would take room");
    }
    let told = first.told();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].1.starts_with("cannot write it: "), "{told:?}");
    assert!(
        first.store.write_window(b"it fits"),
        "the room is free again"
    );
    first.tells(&[]);
}

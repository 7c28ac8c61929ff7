mod disks;
mod events;
mod foreign;
mod processes;

use std::{
    env, fs,
    path::{Path, PathBuf},
    process,
    sync::mpsc::{Receiver, channel},
};

use super::*;

const TORN: &str = "torn or damaged, so it will be replaced";
const FOREIGN: &str = "not a file of this crate, so it is left as it is";
const LOCKED: &str = "another process keeps its state in it";

/// A folder that is removed when the test ends, also when the test fails.
pub(super) struct Folder(pub(super) PathBuf);

/// The files of a process, and its warnings.
struct Opened {
    store: Store,
    restored: Restored,
    warnings: Receiver<(PathBuf, String)>,
}

impl Folder {
    pub(super) fn new(name: &str) -> Self {
        let name = format!("tower-vitals-store-{}-{name}", process::id());
        let folder = env::temp_dir().join(name);
        fs::create_dir_all(&folder).unwrap();
        // As a path of a file shows it.
        Self(fs::canonicalize(folder).unwrap())
    }

    pub(super) fn file(&self) -> PathBuf {
        self.0.join("state")
    }

    pub(super) fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.0).unwrap();
        let name = |entry: fs::DirEntry| entry.file_name().into_string().unwrap();
        let mut names: Vec<_> = entries.map(|entry| name(entry.unwrap())).collect();
        names.sort();
        names
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

impl Opened {
    /// The warnings since the last call: the name of each file, and the reason.
    fn told(&self) -> Vec<(String, String)> {
        let name = |path: PathBuf| path.file_name().unwrap().to_str().unwrap().to_owned();
        let told = self.warnings.try_iter();
        told.map(|(path, reason)| (name(path), reason)).collect()
    }

    fn tells(&self, expected: &[(&str, &str)]) {
        let told = self.told();
        let told: Vec<_> = told.iter().map(|(file, why)| (&**file, &**why)).collect();
        assert_eq!(told, expected);
    }

    fn starts(&self) -> Vec<records::StartRecord> {
        self.restored.records.starts().collect()
    }
}

fn open(path: &Path) -> Opened {
    opened(path, 65_536, "shop")
}

fn opened(path: &Path, max_bytes: u64, service: &str) -> Opened {
    let path = path.to_owned();
    let (told, warnings) = channel();
    let place = StatePlace { path, max_bytes };
    let (store, restored) = Store::open(&place, service.into(), &Warnings::Sent(told));
    Opened {
        store,
        restored,
        warnings,
    }
}

fn records(version: &str) -> Records {
    let mut records = Records::default();
    records.started(Some(version), 1_700_000_000_000);
    records
}

/// A folder in which a process has kept state.
fn kept(name: &str) -> Folder {
    let folder = Folder::new(name);
    let mut first = open(&folder.file());
    assert!(first.store.write_window(b"a window"));
    assert!(first.store.write_records(&records("1.4.2")));
    first.tells(&[]);
    folder
}

#[test]
fn what_was_written_is_there_after_a_restart() {
    let folder = kept("restart");
    let second = open(&folder.file());
    second.tells(&[]);
    assert_eq!(second.restored.window.as_deref(), Some(&b"a window"[..]));
    let start = records::StartRecord {
        version: "1.4.2".into(),
        at_ms: 1_700_000_000_000,
        is_deployment: false,
    };
    assert_eq!(second.starts(), [start]);
    assert_eq!(folder.names(), ["state", "state.events", "state.lock"]);
}

#[test]
fn files_that_are_missing_say_nothing() {
    let folder = Folder::new("missing");
    let first = open(&folder.file());
    first.tells(&[]);
    assert_eq!(first.restored.window, None);
    assert_eq!(first.starts(), []);
    assert_eq!(folder.names(), ["state.lock"], "nothing is written yet");
}

#[test]
fn a_file_cut_off_anywhere_costs_one_warning_and_is_replaced() {
    let folder = kept("torn");
    for name in ["state", "state.events"] {
        let path = folder.0.join(name);
        let whole = fs::read(&path).unwrap();
        for bytes in 0..whole.len() {
            fs::write(&path, &whole[..bytes]).unwrap();
            let mut next = open(&folder.file());
            next.tells(&[(name, TORN)]);
            let (window, starts) = (next.restored.window.is_some(), next.starts().len());
            let expected = if name == "state" {
                (false, 1)
            } else {
                (true, 0)
            };
            assert_eq!((window, starts), expected, "{bytes} of {name}");
            assert_eq!(fs::read(&path).unwrap(), whole[..bytes], "not yet");
            assert!(next.store.write_window(b"a window"));
            assert!(next.store.write_records(&records("1.4.2")));
            next.tells(&[]);
            assert_eq!(fs::read(&path).unwrap(), whole);
        }
    }
}

#[test]
fn an_older_or_newer_format_costs_one_warning_and_is_replaced() {
    for format in [0, 2, u16::MAX] {
        let folder = kept("format");
        let mut file = fs::read(folder.file()).unwrap();
        file[8..10].copy_from_slice(&format.to_le_bytes());
        fs::write(folder.file(), file).unwrap();
        let mut next = open(&folder.file());
        let why = format!("format {format} is not known, so it will be replaced");
        next.tells(&[("state", &why)]);
        assert_eq!(next.restored.window, None);
        assert!(next.store.write_window(b"of this format"));
        drop(next);
        let again = open(&folder.file());
        again.tells(&[]);
        assert_eq!(
            again.restored.window.as_deref(),
            Some(&b"of this format"[..])
        );
    }
}

#[test]
fn records_that_cannot_be_understood_cost_one_warning_and_are_replaced() {
    let folder = kept("records");
    let mut second = open(&folder.file());
    assert!(second.store.events.write(b"nonsense\n"));
    drop(second);
    let mut third = open(&folder.file());
    third.tells(&[(
        "state.events",
        "line 1 is no record, so it will be replaced",
    )]);
    assert!(third.store.write_records(&records("1.4.3")));
    drop(third);
    assert_eq!(open(&folder.file()).starts()[0].version, "1.4.3");
}

#[test]
#[cfg(unix)]
fn only_the_owner_can_read_the_files() {
    use std::os::unix::fs::PermissionsExt;
    let folder = kept("private");
    for name in folder.names() {
        let path = folder.0.join(name);
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{}", path.display());
    }
}

#[test]
fn the_files_are_written_by_their_thread_and_free_at_its_end() {
    let folder = Folder::new("thread");
    let path = Some(folder.file());
    let settings = StateSettings {
        path,
        ..StateSettings::default()
    };
    let place = settings.checked().unwrap().unwrap();
    let hour = Duration::from_secs(3_600);
    let content = || Some(b"at the end".into());
    let failed = || panic!("a write failed");
    let (writer, restored) = start(place, Some("shop"), hour, content, failed);
    assert_eq!(restored.window, None);
    writer.write_records(records("1.4.2"));
    assert!(writer.end(Duration::from_secs(20)));
    let next = open(&folder.file());
    next.tells(&[]);
    assert_eq!(next.restored.window.as_deref(), Some(&b"at the end"[..]));
    assert_eq!(next.starts().len(), 1);
}

//! Writes lines to a file that is rotated, by itself or by others.

use std::{fs, io::Write, path::Path};

use tower_vitals::logging::LogFile;

use crate::support::directory::Directory;

fn open(path: &Path) -> LogFile {
    LogFile::open(path).unwrap().max_bytes(8).keep(2)
}

#[test]
fn a_file_is_rotated_by_size_and_so_many_are_kept() {
    let directory = Directory::new("rotated");
    let path = directory.path("app.log");
    fs::write(&path, "old\n").unwrap();
    let mut file = open(&path);
    let names = ["app.log", "app.log.1", "app.log.2", "app.log.3"];
    let texts = || names.map(|name| directory.text(name));
    file.write_all(b"one\n").unwrap();
    assert_eq!(texts(), ["old\none\n", "none", "none", "none"]);
    file.write_all(b"two\n").unwrap();
    assert_eq!(texts(), ["two\n", "old\none\n", "none", "none"]);
    // A line that is too long for any file is written to one of its own.
    file.write_all(b"a longer line\n").unwrap();
    file.write_all(b"end\n").unwrap();
    assert_eq!(texts(), ["end\n", "a longer line\n", "two\n", "none"]);
    // Another start goes on.
    drop(file);
    let mut file = open(&path);
    file.write_all(b"new\n").unwrap();
    file.write_all(b"more\n").unwrap();
    assert_eq!(texts(), ["more\n", "end\nnew\n", "a longer line\n", "none"]);
    let mut file = LogFile::open(&path).unwrap().max_bytes(8).keep(0);
    file.write_all(b"last\n").unwrap();
    assert_eq!(texts()[..2], ["last\n", "end\nnew\n"]);
}

#[test]
fn lines_of_one_write_are_rotated_one_by_one() {
    let directory = Directory::new("rotated-lines");
    let path = directory.path("app.log");
    let mut file = open(&path);
    file.write_all(b"one\ntwo\na longer line\nthree\n").unwrap();
    let texts = ["app.log", "app.log.1", "app.log.2"].map(|name| directory.text(name));
    assert_eq!(texts, ["three\n", "a longer line\n", "one\ntwo\n"]);
    // What ends without an end of line is a line, too.
    file.write_all(b"4\nfive").unwrap();
    let texts = ["app.log", "app.log.1"].map(|name| directory.text(name));
    assert_eq!(texts, ["five", "three\n4\n"]);
}

#[cfg(unix)]
#[test]
fn a_file_that_others_move_remove_or_empty_is_opened_again() {
    let directory = Directory::new("moved");
    let path = directory.path("logs/shop/app.log");
    let mut file = open(&path);
    file.write_all(b"one\n").unwrap();
    // As logrotate does it.
    fs::rename(&path, directory.path("moved")).unwrap();
    file.write_all(b"two\n").unwrap();
    assert_eq!(directory.text("moved"), "one\n");
    assert_eq!(directory.text("logs/shop/app.log"), "two\n");
    // As logrotate does it with `copytruncate`.
    fs::File::create(&path).unwrap();
    file.write_all(b"three\n").unwrap();
    assert_eq!(directory.text("logs/shop/app.log"), "three\n");
    fs::remove_dir_all(directory.path("logs")).unwrap();
    file.write_all(b"four\n").unwrap();
    assert_eq!(directory.text("logs/shop/app.log"), "four\n");
    // Nothing can be written for a while.
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    assert!(file.write(b"five\n").is_err());
    fs::remove_dir(&path).unwrap();
    file.write_all(b"six\n").unwrap();
    assert_eq!(directory.text("logs/shop/app.log"), "six\n");
}

#[test]
fn a_file_that_cannot_be_rotated_grows_and_loses_nothing() {
    let directory = Directory::new("stuck");
    let path = directory.path("app.log");
    let mut file = open(&path);
    // A directory with something in it, which no file can replace.
    let blocked = directory.path("app.log.2");
    fs::create_dir_all(blocked.join("full")).unwrap();
    fs::write(directory.path("app.log.1"), "older\n").unwrap();
    for lines in ["one\n", "two\n"] {
        file.write_all(lines.as_bytes()).unwrap();
    }
    // It is tried once for all lines of a write.
    assert_eq!(file.write(b"three\n3\n").unwrap(), 8);
    assert_eq!(directory.text("app.log"), "one\ntwo\nthree\n3\n");
    assert_eq!(directory.text("app.log.1"), "older\n");
    fs::remove_dir_all(&blocked).unwrap();
    file.write_all(b"four\n").unwrap();
    assert_eq!(directory.text("app.log"), "four\n");
    assert_eq!(directory.text("app.log.1"), "one\ntwo\nthree\n3\n");
    assert_eq!(directory.text("app.log.2"), "older\n");
}

#[test]
fn a_path_that_is_no_file_is_refused_with_its_name() {
    for path in ["/dev/null", "/", "/dev/null/app.log"] {
        let error = LogFile::open(path).unwrap_err();
        assert_eq!((error.field(), error.value()), ("logging.file", path));
    }
}

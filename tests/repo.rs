//! Keeps the README to its word: what it names is there.
#![expect(
    clippy::unwrap_used,
    reason = "in a test a panic with its place is the best error there is"
)]

use std::{collections::BTreeSet, fs, path::Path};

/// The names of all functions in the Rust files below a folder.
fn functions(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            functions(&path, found);
        } else if path.extension().is_some_and(|kind| kind == "rs") {
            let text = fs::read_to_string(path).unwrap();
            let names = text
                .split("fn ")
                .skip(1)
                .filter_map(|rest| rest.split('(').next());
            found.extend(names.map(str::to_owned));
        }
    }
}

#[test]
fn each_promise_of_the_readme_points_at_tests_that_are_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = fs::read_to_string(root.join("README.md")).unwrap();
    let mut there = BTreeSet::new();
    functions(&root.join("src"), &mut there);
    functions(&root.join("tests"), &mut there);
    let promises = readme
        .split("## Promises")
        .nth(1)
        .unwrap()
        .split("## ")
        .next()
        .unwrap();
    let rows = promises
        .lines()
        .filter(|line| line.starts_with("| "))
        .skip(2);
    let mut promised = 0;
    for row in rows {
        let tests = row.rsplit('|').nth(1).unwrap();
        for test in tests.split(',').map(|test| test.trim().trim_matches('`')) {
            assert!(there.contains(test), "no test {test:?} for: {row}");
        }
        promised += 1;
    }
    assert!(promised >= 9, "{promised}");
}

#[test]
fn the_changelog_has_a_place_for_the_next_change() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let changelog = fs::read_to_string(root.join("CHANGELOG.md")).unwrap();
    assert!(changelog.contains("\n## Unreleased\n"));
}

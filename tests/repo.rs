//! Checks what the repository promises about its own files.
#![expect(
    clippy::unwrap_used,
    reason = "a test fails by a panic, which shows its place"
)]

#[path = "repo/files.rs"]
mod files;
#[path = "repo/rooms.rs"]
mod rooms;

use std::collections::BTreeSet;

use crate::files::{
    BlockLine, blocks_of_docs, blocks_of_markdown, file, files, last_cells, lines_of_code, tests,
};

/// The most lines of code that a file of `src/` may have.
const MOST_LINES: usize = 300;

/// docs.rs shows as many columns of a block of code, and hides the rest.
const WIDEST: usize = 84;

/// Fails with one line for each fault.
#[track_caller]
fn none(rule: &str, faults: &[String]) {
    let list = faults.join("\n  ");
    assert!(faults.is_empty(), "{rule}; {}:\n  {list}", faults.len());
}

#[test]
fn each_promise_of_the_readme_points_at_tests_that_are_there() {
    let sources = [files("src", "rs"), files("tests", "rs")].concat();
    let there: BTreeSet<_> = sources.iter().flat_map(|file| tests(&file.text)).collect();
    let readme = file("README.md").text;
    let promises = last_cells(&readme, "tests");
    let leaves = last_cells(&readme, "proved by");
    assert!(
        promises.len() >= 16 && leaves.len() >= 10,
        "a table is gone"
    );
    let mut faults = Vec::new();
    for (row, named) in promises.into_iter().chain(leaves) {
        for name in named.split(',').map(|name| name.trim().trim_matches('`')) {
            if !there.contains(name) {
                let promise: String = row.chars().take(60).collect();
                faults.push(format!("{name:?} of the row {promise:?}"));
            }
        }
    }
    none("the README names what is not a test", &faults);
}

#[test]
fn no_two_tests_have_one_name() {
    let mut there = BTreeSet::new();
    let mut faults = Vec::new();
    for file in files("tests", "rs") {
        for name in tests(&file.text) {
            if !there.insert(name.to_owned()) {
                faults.push(format!("{name} once more in {}", file.path));
            }
        }
    }
    none("the README names tests by their names alone", &faults);
}

#[test]
fn imports_run_downwards() {
    let contributing = file("CONTRIBUTING.md").text;
    let order = rooms::order(&contributing);
    let place = |room: &str| order.iter().position(|other| *other == room);
    let mut faults = Vec::new();
    for file in files("src", "rs") {
        let Some(room) = rooms::room(&file.path) else {
            continue;
        };
        let Some(here) = place(room) else {
            faults.push(format!(
                "{}: CONTRIBUTING does not list this room",
                file.path
            ));
            continue;
        };
        for import in rooms::imported_rooms(&file) {
            if place(&import).is_none_or(|there| there < here) {
                faults.push(format!("{} imports {import}", file.path));
            }
        }
    }
    none(
        "an import runs upwards in the order of CONTRIBUTING",
        &faults,
    );
}

#[test]
fn no_files_import_each_other_in_a_circle() {
    let circles = rooms::circles(&files("src", "rs"));
    none("these files import each other in circles", &circles);
}

#[test]
fn no_room_has_over_300_lines_of_code() {
    let mut faults = Vec::new();
    for file in files("src", "rs") {
        let lines = lines_of_code(&file.text);
        // A generator writes the former. The latter hold tests alone.
        let exempt = ["/generated.rs", "/tests.rs"];
        let exempt = exempt.iter().any(|end| file.path.ends_with(end));
        if lines > MOST_LINES && !exempt {
            faults.push(format!("{}: {lines} lines", file.path));
        }
    }
    none("a file has too many lines of code: split it", &faults);
}

/// The lines of code that documents show, each file with its path.
fn shown() -> impl Iterator<Item = (String, Vec<BlockLine>)> {
    let documents = ["README.md", "CONTRIBUTING.md", "SECURITY.md"].map(file);
    let documents = documents.into_iter().chain(files("docs", "md"));
    let documents = documents.map(|file| (file.path, blocks_of_markdown(&file.text)));
    let sources = files("src", "rs").into_iter();
    documents.chain(sources.map(|file| (file.path, blocks_of_docs(&file.text))))
}

#[test]
fn code_in_documents_has_plain_punctuation() {
    // Quotes, dashes, the ellipsis and the minus sign; whoever copies them gets an error.
    let typographic = |c: char| {
        matches!(c, '\u{2010}'..='\u{2015}' | '\u{2018}'..='\u{201f}' | '\u{2026}' | '\u{2212}')
            || matches!(c, '\u{ab}' | '\u{bb}' | '\u{2039}' | '\u{203a}' | '\u{a0}')
    };
    let mut faults = Vec::new();
    for (path, lines) in shown() {
        for BlockLine { number, text, .. } in lines {
            if let Some(found) = text.chars().find(|c| typographic(*c)) {
                faults.push(format!("{path}:{number}: {found:?} in {}", text.trim()));
            }
        }
    }
    none(
        "code that documents show has typographic punctuation",
        &faults,
    );
}

#[test]
fn code_in_documents_fits_the_page() {
    let mut faults = Vec::new();
    for (path, lines) in shown() {
        if path != "README.md" && !path.starts_with("src/") {
            continue;
        }
        for line in lines {
            let columns = line.text.chars().count();
            if columns > WIDEST && !line.hidden {
                faults.push(format!("{path}:{}: {columns} columns", line.number));
            }
        }
    }
    let rule = format!("a line of code that documents show has over {WIDEST} columns");
    none(&rule, &faults);
}

#[test]
fn the_changelog_has_a_place_for_the_next_change() {
    let changelog = file("CHANGELOG.md").text;
    assert!(changelog.contains("\n## Unreleased\n"));
}

#[test]
fn a_function_without_the_attribute_is_no_test() {
    let rust = "
        #[test]
        fn plain() {}
        fn helper() {}

        #[tokio::test(
            flavor = \"multi_thread\",
        )]
        #[ignore = \"a reason\"]
        async fn with_tokio() {}

        /// Words.
        async fn another_helper() {}
        proptest! {
            #[test]
            fn with_proptest(a in 0..3) {}
        }
    ";
    assert_eq!(tests(rust), ["plain", "with_tokio", "with_proptest"]);
}

#[test]
fn only_code_counts_as_code() {
    let rust = "//! Words.\n\nuse a;\n// Words.\nfn b() {\n    c();\n}\n\n#[cfg(test)]\nmod tests {\n    fn d() {\n    }\n}\n";
    assert_eq!(lines_of_code(rust), 4);
}

#[test]
fn blocks_are_found_in_documents_and_in_doc_comments() {
    let markdown = "words\n```rust\none\n```\nwords\n";
    let line = |number, text: &str, hidden| BlockLine {
        number,
        text: text.to_owned(),
        hidden,
    };
    assert_eq!(blocks_of_markdown(markdown), [line(3, "one", false)]);
    let rust = "/// ```\n/// # hidden();\n/// shown();\n/// ```\nfn code() {}\n";
    let lines = [line(2, "# hidden();", true), line(3, "shown();", false)];
    assert_eq!(blocks_of_docs(rust), lines);
}

//! Checks what the repository promises about its own files.
#![expect(
    clippy::unwrap_used,
    reason = "a test fails by a panic, which shows its place"
)]

#[path = "repo/files.rs"]
mod files;
#[path = "repo/links.rs"]
mod links;
#[path = "repo/metric_names.rs"]
mod metric_names;
#[path = "repo/questions.rs"]
mod questions;
#[path = "repo/rooms.rs"]
mod rooms;
#[path = "repo/runbooks.rs"]
mod runbooks;

use std::{collections::BTreeSet, fs};

use crate::files::{
    BlockLine, File, blocks_of_docs, blocks_of_markdown, file, files, last_cells, lines_of_code,
    tests,
};

/// The most lines of code that a file of `src/` may have.
const MOST_LINES: usize = 300;

/// The most lines of the README.
const MOST_LINES_OF_README: usize = 200;

/// docs.rs shows as many columns of a block of code, and hides the rest.
const WIDEST: usize = 84;

/// Fails with one line for each fault.
#[track_caller]
fn none(rule: &str, faults: &[String]) {
    let list = faults.join("\n  ");
    assert!(faults.is_empty(), "{rule}; {}:\n  {list}", faults.len());
}

#[test]
fn each_promise_points_at_tests_that_are_there() {
    let sources = [files("src", "rs"), files("tests", "rs")].concat();
    let mut there: BTreeSet<_> = sources
        .iter()
        .flat_map(|file| tests(&file.text))
        .map(str::to_owned)
        .collect();
    // Those of the console are sentences.
    let pages = files("tests/console", "mjs");
    there.extend(pages.iter().flat_map(|file| sentences(&file.text)));
    let pages = [
        (file("docs/promises.md").text, "tests"),
        (file("docs/sentry.md").text, "proved by"),
    ];
    let mut faults = Vec::new();
    for (page, column) in &pages {
        let rows = last_cells(page, column);
        assert!(rows.len() >= 14, "the table {column:?} is gone");
        for (row, named) in rows {
            for name in named.split(',').map(|name| name.trim().trim_matches('`')) {
                if !there.contains(name) {
                    let promise: String = row.chars().take(60).collect();
                    faults.push(format!("{name:?} of the row {promise:?}"));
                }
            }
        }
    }
    none("a promise names what is not a test", &faults);
}

/// The names of metrics in the monitoring guides.
const NAMES_OF_GUIDES: [&str; 28] = [
    "messages.sent",
    "active_conversations",
    "http_requests_total",
    "http_request_duration_seconds",
    "db_connection_pool_size",
    "db_query_duration_seconds",
    "orders_created_total",
    "payments_processed_total",
    "product_views_total",
    "payment_processing_duration_seconds",
    "sessions_started",
    "session_cleanup_count",
    "voice_requests_total",
    "voice_audio_size_bytes",
    "voice_processing_duration_ms",
    "api_calls_groq_success",
    "api_calls_groq_failure",
    "api_duration_ms_groq",
    "workflow_executions_success",
    "workflow_executions_failure",
    "workflow_duration_ms",
    "{endpoint}_duration_ms",
    "errors_total",
    "error_rate_percent",
    "memory_usage_bytes",
    "memory_usage_percent",
    "circuit_breaker_open_count",
    "celery_queue_length",
];

#[test]
fn each_metric_that_the_guides_name_is_in_the_examples() {
    let examples = files("examples", "rs");
    let missing = NAMES_OF_GUIDES.into_iter().filter(|name| {
        let has = |file: &File| file.text.contains(name);
        !examples.iter().any(has)
    });
    let missing: Vec<_> = missing.map(str::to_owned).collect();
    none("no example has a metric of the guides", &missing);
}

/// What readers open as a file, and rustdoc shows as a page.
fn pages() -> Vec<File> {
    [vec![file("README.md")], files("docs", "md")].concat()
}

#[test]
fn the_readme_is_short_and_leads_to_every_page() {
    let readme = file("README.md").text;
    let lines = readme.lines().count();
    assert!(
        lines <= MOST_LINES_OF_README,
        "the README has {lines} lines"
    );
    let led_to: BTreeSet<_> = links::definitions(&readme)
        .iter()
        .map(|definition| definition.target)
        .collect();
    let pages = files("docs", "md");
    let missing: Vec<_> = pages
        .iter()
        .map(|page| page.path.clone())
        // Their indexes lead to questions and runbooks.
        .filter(|path| !path.starts_with("docs/questions/") && !path.starts_with("docs/runbooks/"))
        .filter(|path| !led_to.contains(path.as_str()))
        .collect();
    none("the README does not lead to these pages", &missing);
}

#[test]
fn each_link_leads_somewhere_in_the_repository_and_in_the_rendered_pages() {
    let parts = ["links", "picture", "console", "dashboards"]
        .map(|part| file(&format!("src/guides/{part}.md")));
    let rendered = parts.map(|part| part.text).concat();
    let rendered = links::definitions(&rendered);
    let mut faults = Vec::new();
    for page in pages() {
        let defined = links::definitions(&page.text);
        for label in links::labels(&page.text) {
            for (place, definitions) in [("its page", &defined), ("src/guides", &rendered)] {
                if !definitions.iter().any(|known| known.label == label) {
                    faults.push(format!(
                        "{}: [{label}] is not defined in {place}",
                        page.path
                    ));
                }
            }
        }
        // rustdoc would show a link to nowhere.
        let inline = links::inline(&page.text).into_iter();
        for target in inline.filter(|target| links::is_file(target)) {
            faults.push(format!("{}: ({target}) needs a label", page.path));
        }
    }
    let others = ["CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"].map(file);
    for document in pages().into_iter().chain(others) {
        let defined = links::definitions(&document.text);
        let defined = defined.iter().map(|definition| definition.target);
        for target in links::inline(&document.text).into_iter().chain(defined) {
            if links::is_file(target) && !links::resolves(&document, target) {
                faults.push(format!("{}: there is no {target}", document.path));
            }
        }
    }
    none("a link leads nowhere", &faults);
}

#[test]
fn each_page_is_rendered() {
    let guides = file("src/guides.rs").text;
    let missing: Vec<_> = files("docs", "md")
        .into_iter()
        .map(|page| page.path)
        .filter(|path| !guides.contains(&format!("\"../{path}\"")))
        .collect();
    none("src/guides.rs does not render these pages", &missing);
}

#[test]
fn each_layer_and_builder_shows_how_it_is_used() {
    let kinds = [
        "Layer", "Builder", "Options", "Settings", "Policy", "Rules", "Patterns",
    ];
    let mut faults = Vec::new();
    for file in files("src", "rs") {
        let lines: Vec<_> = file.text.lines().collect();
        for (at, line) in lines.iter().enumerate() {
            let Some(rest) = line.strip_prefix("pub struct ") else {
                continue;
            };
            let name = rest.split(|c: char| !c.is_alphanumeric()).next().unwrap();
            // Its docs and attributes.
            let above = lines[..at].iter().rev();
            let mut above =
                above.take_while(|line| line.starts_with("///") || line.starts_with('#'));
            if kinds.iter().any(|kind| name.ends_with(kind))
                && !above.any(|line| line.contains("```"))
            {
                faults.push(format!("{}: {name}", file.path));
            }
        }
    }
    none("the docs of these have no example", &faults);
}

#[test]
fn each_variable_that_is_read_stands_on_the_page_of_settings() {
    let settings = file("docs/settings.md").text;
    let mut faults = Vec::new();
    for file in files("src", "rs") {
        // Tests are not what an operator reads.
        let code = file.text.split("#[cfg(test)]").next().unwrap_or_default();
        for read in ["get(\"", "parse(\"", "variable(\"", "env = \"", "rate(\""] {
            for rest in code.split(read).skip(1) {
                let name = rest.split('"').next().unwrap_or_default();
                let is_variable =
                    !name.is_empty() && name.chars().all(|c| c == '_' || c.is_ascii_uppercase());
                if is_variable && !settings.contains(&format!("`{name}`")) {
                    faults.push(format!("{name}, which {} reads", file.path));
                }
            }
        }
    }
    none("docs/settings.md does not have these variables", &faults);
}

#[test]
fn the_readmes_first_program_needs_only_the_crates_that_it_adds() {
    let readme = file("README.md").text;
    let section = readme.split("\n## Five minutes\n").nth(1).unwrap();
    let added: BTreeSet<_> = section
        .lines()
        .filter_map(|line| line.strip_prefix("cargo add "))
        .filter_map(|line| line.split(' ').next())
        .map(|name| name.replace('-', "_"))
        .collect();
    let program = section.split("```rust").nth(1).unwrap();
    let program = program.split("```").next().unwrap();
    let used: BTreeSet<_> = program
        .split("use ")
        .chain(program.split("#["))
        .skip(1)
        .filter_map(|rest| rest.split_once("::"))
        .map(|(name, _)| name.to_owned())
        .filter(|name| name.chars().all(|c| c == '_' || c.is_ascii_lowercase()))
        .collect();
    assert_eq!(added, used);
}

#[test]
fn the_rendered_pictures_are_the_pictures() {
    let defined = |label: &str, picture: &str| {
        let path = format!("{}/../docs/{picture}.png", env!("CARGO_MANIFEST_DIR"));
        let picture = base64(&fs::read(path).unwrap());
        format!("[file:{label}]: data:image/png;base64,{picture}\n")
    };
    let sentry = defined("picture", "bugsink-issue");
    let console = defined("console-quiet", "console-quiet-light")
        + &defined("console-trouble", "console-trouble-dark");
    let dashboards = defined("prometheus-graph", "prometheus-graph");
    for (page, pictures) in [
        ("picture", sentry),
        ("console", console),
        ("dashboards", dashboards),
    ] {
        let rendered = file(&format!("src/guides/{page}.md")).text;
        assert!(rendered == pictures, "src/guides/{page}.md");
    }
}

fn base64(bytes: &[u8]) -> String {
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let byte = |at: usize| u32::from(three.get(at).copied().unwrap_or_default());
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for at in 0..4 {
            let six = (bits >> (18 - 6 * at)) as usize & 63;
            let padding = at > three.len();
            text.push(if padding { '=' } else { alphabet[six].into() });
        }
    }
    text
}

/// The names of tests in JavaScript, with `_` between their words.
fn sentences(text: &str) -> impl Iterator<Item = String> {
    let tests = text.split("test(\"").skip(1);
    let names = tests.filter_map(|rest| rest.split_once("\", ").map(|(name, _)| name));
    names.map(|name| name.replace(", ", " ").replace(' ', "_"))
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
    none("promises name tests by their names alone", &faults);
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
        let rendered = ["README.md", "docs/", "src/"];
        if !rendered.iter().any(|start| path.starts_with(start)) {
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

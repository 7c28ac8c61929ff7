//! Checks that runbooks name what there is: paths, metrics, labels, keys, variables.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    process::Command,
};

use serde_json::{Value, json};

use crate::files::{File, file, files};

/// A fenced block of a document.
struct Block {
    kind: String,
    text: String,
}

/// What is asked beside the monitoring API: probes, metrics, and Prometheus' own page.
const OTHERS: [&str; 5] = [
    "/metrics",
    "/health",
    "/livez",
    "/readyz",
    "/api/v1/targets",
];

/// The parts of a runbook.
const PARTS: [&str; 4] = [
    "What it means for users",
    "What to look at first",
    "How to mitigate",
    "How to prevent",
];

/// Words of PromQL that stand where a metric could stand.
const WORDS: [&str; 8] = [
    "by", "on", "and", "or", "unless", "bool", "offset", "without",
];

/// Labels that Prometheus adds.
const ADDED: [&str; 4] = ["le", "job", "instance", "exported_job"];

/// Metrics of Prometheus, of the generated rules, and of the examples.
const FOREIGN: [(&str, &[&str]); 7] = [
    ("up", &[]),
    ("slo:budget_left_percent:30d", &["slo"]),
    ("slo:errors_percent:1h", &["slo"]),
    ("slo:errors_percent:6h", &["slo"]),
    ("slo:requests_per_second:1h", &["slo"]),
    ("payments_processed_total", &["status"]),
    ("workers_active", &[]),
];

/// Keys of Prometheus' own answer.
const KEYS_OF_PROMETHEUS: [&str; 4] = ["data", "activeTargets", "lastError", "health"];

/// Words of a search in Sentry that are no tags.
const SENTRY: [&str; 8] = [
    "is",
    "level",
    "release",
    "transaction",
    "firstSeen",
    "lastSeen",
    "has",
    "environment",
];

/// All runbooks, with their index.
fn runbooks() -> Vec<File> {
    let mut pages = files("docs/runbooks", "md");
    pages.push(file("docs/runbooks.md"));
    pages
}

fn blocks(markdown: &str) -> Vec<Block> {
    let mut found: Vec<Block> = Vec::new();
    let mut inside = false;
    for line in markdown.lines() {
        match line.trim_start().strip_prefix("```") {
            Some(kind) if !inside => {
                let (kind, text) = (kind.to_owned(), String::new());
                found.push(Block { kind, text });
                inside = true;
            }
            Some(_) => inside = false,
            None => {
                if let Some(block) = found.last_mut().filter(|_| inside) {
                    block.text.push_str(line);
                    block.text.push('\n');
                }
            }
        }
    }
    found
}

/// The blocks of a kind, each with the path of its page.
fn blocks_of(kind: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for page in runbooks() {
        let blocks = blocks(&page.text).into_iter();
        let blocks = blocks.filter(|block| block.kind == kind);
        found.extend(blocks.map(|block| (page.path.clone(), block.text)));
    }
    assert!(found.len() > 12, "there are few blocks of {kind}");
    found
}

/// Runs of these characters.
fn words(text: &str, fits: impl Fn(char) -> bool) -> impl Iterator<Item = &str> {
    let words = text.split(move |one| !fits(one));
    words.filter(|word| !word.is_empty())
}

fn is_of_name(one: char) -> bool {
    one.is_ascii_alphanumeric() || matches!(one, '_' | ':')
}

/// The labels of each metric, as the page of metrics has them.
fn metrics() -> BTreeMap<String, Vec<String>> {
    let page = file("docs/metrics.md").text;
    let mut metrics: BTreeMap<_, Vec<_>> = FOREIGN
        .into_iter()
        .map(|(name, labels)| {
            let labels = labels.iter().map(|label| (*label).to_owned());
            (name.to_owned(), labels.collect())
        })
        .collect();
    for line in page.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<_> = line.split('|').map(str::trim).collect();
        let name = cells[1].trim_matches('`');
        let labels = cells[cells.len() - 2].split(',');
        let labels = labels.map(|label| label.trim().trim_matches('`').to_owned());
        metrics.insert(name.to_owned(), labels.collect());
    }
    assert!(metrics.len() > 70, "the page of metrics is gone");
    metrics
}

/// Without strings, ranges and the lists of labels, which it gives apart.
fn bare(promql: &str) -> (String, Vec<String>) {
    let (mut text, mut labels) = (String::new(), Vec::new());
    let unquoted: String = promql.split('"').step_by(2).collect();
    let mut rest = unquoted.as_str();
    while let Some(one) = rest.chars().next() {
        let closing = match one {
            '{' => Some('}'),
            '[' => Some(']'),
            '(' if text.trim_end().ends_with(" by") || text.trim_end().ends_with(" on") => {
                Some(')')
            }
            _ => None,
        };
        match closing.and_then(|closing| rest.find(closing)) {
            Some(end) => {
                if one != '[' {
                    labels.extend(words(&rest[1..end], is_of_name).map(str::to_owned));
                }
                // What follows is no list any more.
                text.push_str(" ;");
                rest = &rest[end + 1..];
            }
            None => {
                text.push(one);
                rest = &rest[one.len_utf8()..];
            }
        }
    }
    (text, labels)
}

/// The metrics and the labels that an expression names.
fn named(promql: &str) -> (BTreeSet<String>, Vec<String>) {
    let (text, labels) = bare(promql);
    let mut names = BTreeSet::new();
    let mut at = 0;
    for word in words(&text, is_of_name) {
        at += text[at..].find(word).unwrap_or_default() + word.len();
        let is_function = text[at..].starts_with('(');
        let is_number = word.starts_with(|one: char| one.is_ascii_digit());
        let is_word = WORDS.contains(&word) || ["sum", "count", "max", "topk"].contains(&word);
        if !is_function && !is_number && !is_word {
            names.insert(word.to_owned());
        }
    }
    (names, labels)
}

/// The name of the family of a series.
fn family(name: &str) -> &str {
    let ends = ["_bucket", "_sum", "_count"].into_iter();
    let mut ends = ends.filter_map(|end| name.strip_suffix(end));
    let is_histogram = |family: &&str| family.ends_with("_seconds");
    ends.find(is_histogram).unwrap_or(name)
}

#[test]
fn each_runbook_has_the_same_four_parts() {
    let pages = files("docs/runbooks", "md");
    assert_eq!(pages.len(), 32);
    for page in pages {
        let name = page.path.rsplit('/').next().unwrap();
        let title = format!("# {}\n", name.trim_end_matches(".md"));
        assert!(page.text.starts_with(&title), "{}", page.path);
        let parts = page
            .text
            .lines()
            .filter_map(|line| line.strip_prefix("## "));
        assert_eq!(parts.collect::<Vec<_>>(), PARTS, "{}", page.path);
        for part in page.text.split("\n## ").skip(1) {
            let text = part.split_once('\n').unwrap().1.trim();
            assert!(text.len() > 40, "{}: a part is empty", page.path);
        }
    }
}

#[test]
fn the_index_of_runbooks_leads_to_each_of_them() {
    let index = file("docs/runbooks.md").text;
    for page in files("docs/runbooks", "md") {
        let path = page.path.strip_prefix("docs/").unwrap();
        let name = path.trim_start_matches("runbooks/").trim_end_matches(".md");
        let row = format!("| [{name}][runbook:{name}] |");
        assert!(index.contains(&row), "{row}");
        assert!(
            index.contains(&format!("[runbook:{name}]: {path}\n")),
            "{path}"
        );
    }
}

#[test]
fn each_path_that_a_runbook_asks_is_one_of_the_monitoring_api() {
    let document: Value =
        serde_json::from_str(&file("tests/monitoring/openapi.json").text).unwrap();
    let paths = document["paths"].as_object().unwrap();
    let mut asked = 0;
    for (page, text) in blocks_of("sh") {
        for rest in text.split("$MONITORING_URL").skip(1) {
            let target = rest.split('"').next().unwrap();
            let (path, query) = target.split_once('?').unwrap_or((target, ""));
            let found = paths.iter().find(|(known, _)| fits(known, path));
            let (_, item) = found.unwrap_or_else(|| panic!("{page}: there is no {path}"));
            let method = match rest.contains("--json") && item.get("post").is_some() {
                true => "post",
                false => "get",
            };
            let parameters = item[method]["parameters"].as_array();
            let known: Vec<_> = parameters.into_iter().flatten().collect();
            for (name, value) in query.split('&').filter_map(|one| one.split_once('=')) {
                let found = known.iter().find(|known| known["name"] == name);
                let found = found.unwrap_or_else(|| panic!("{page}: {path} has no {name}"));
                let words = found["schema"]["enum"].as_array();
                let is_word = words.is_none_or(|words| words.iter().any(|word| word == value));
                assert!(is_word, "{page}: {name}={value}");
            }
            asked += 1;
        }
        for rest in text.split("http://").skip(1) {
            let host = rest.find('/').map_or("", |at| &rest[at..]);
            let path = words(host, |one| one.is_alphanumeric() || one == '/').next();
            let path = path.unwrap_or_default();
            let known = OTHERS.contains(&path) || path == "/api/v1/monitoring";
            assert!(known, "{page}: {path}");
        }
    }
    assert!(asked > 30, "{asked}");
}

/// Whether a path is this one, whose segments in braces stand for any.
fn fits(known: &str, path: &str) -> bool {
    let (known, path) = (known.split('/'), path.split('/'));
    known.clone().count() == path.clone().count()
        && known
            .zip(path)
            .all(|(known, segment)| known.starts_with('{') || known == segment)
}

#[test]
fn each_metric_and_label_of_a_runbook_exists() {
    let metrics = metrics();
    let mut named_metrics = 0;
    for (page, text) in blocks_of("promql") {
        let (names, labels) = named(&text);
        let mut known: BTreeSet<&str> = ADDED.into();
        for name in &names {
            let found = metrics.get(name).or_else(|| metrics.get(family(name)));
            let labels = found.unwrap_or_else(|| panic!("{page}: there is no metric {name}"));
            known.extend(labels.iter().map(String::as_str));
            named_metrics += 1;
        }
        for label in labels {
            assert!(
                known.contains(&*label),
                "{page}: no label {label} in {text}"
            );
        }
    }
    assert!(named_metrics > 60, "{named_metrics}");
}

#[test]
#[ignore = "needs promtool"]
fn prometheus_reads_each_query_of_a_runbook() {
    let mut rules = Vec::new();
    for (_, text) in blocks_of("promql") {
        // A line that begins with a space goes on with the one before.
        for query in text.replace("\n ", " ").lines() {
            let name = format!("query_{}", rules.len());
            rules.push(json!({ "record": name, "expr": query }));
        }
    }
    assert!(rules.len() > 80, "{}", rules.len());
    let document = json!({ "groups": [{ "name": "runbooks", "rules": rules }] });
    let path = format!("{}/runbooks.yml", env!("CARGO_TARGET_TMPDIR"));
    fs::write(&path, document.to_string()).unwrap();
    let mut check = Command::new("promtool");
    let output = check.args(["check", "rules", &path]).output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&said)
    );
}

#[test]
fn each_key_that_a_runbook_reads_is_documented() {
    let pages = [
        "docs/logging.md",
        "docs/monitoring.md",
        "docs/statistics.md",
    ];
    let mut documented = file("tests/monitoring/openapi.json").text;
    documented.extend(pages.map(|page| file(page).text));
    let known: BTreeSet<_> = words(&documented, is_of_name).collect();
    let metrics = metrics();
    for (page, text) in blocks_of("sh") {
        // The programs of jq stand in single quotes, and the JSON that is sent as well.
        for program in text.split('\'').skip(1).step_by(2) {
            let keys = program.split('.').skip(1).filter_map(|rest| {
                words(rest, is_of_name)
                    .next()
                    .filter(|word| rest.starts_with(*word))
            });
            // What `to_entries` makes.
            for key in keys.filter(|key| !["key", "value"].contains(key)) {
                let foreign = KEYS_OF_PROMETHEUS.contains(&key) || key == "labels";
                let is_known = known.contains(key) || metrics.contains_key(key) || foreign;
                assert!(is_known, "{page}: no key {key} in {program}");
            }
        }
    }
}

#[test]
fn each_search_of_a_runbook_is_by_a_tag_that_events_have() {
    let sentry = file("docs/sentry.md").text;
    let tags = ["job", "check", "circuit", "table"];
    for (page, text) in blocks_of("sentry") {
        for term in text.split_whitespace() {
            let (key, _) = term.split_once(':').unwrap_or((term, ""));
            let is_tag = sentry.contains(&format!("`{key}`")) || tags.contains(&key);
            assert!(is_tag || SENTRY.contains(&key), "{page}: {term}");
        }
    }
}

#[test]
fn each_variable_of_a_runbook_is_a_setting() {
    let settings = [file("docs/settings.md").text, file("docs/alerts.md").text].concat();
    // Of Elastic, Grafana and Kubernetes.
    let foreign = ["ELASTIC_API_KEY", "GF_SECURITY_ADMIN_PASSWORD"];
    let mut pages = runbooks();
    pages.push(file("docs/operations.md"));
    let mut found = 0;
    for page in pages {
        for word in words(&page.text, is_of_name) {
            let is_variable = word.contains('_')
                && word
                    .chars()
                    .all(|one| one == '_' || one.is_ascii_uppercase());
            if !is_variable || foreign.contains(&word) {
                continue;
            }
            found += 1;
            // The page names a second variable by its end alone.
            let of_rule = word.replace("_THRESHOLD", "_ENABLED");
            let is_known = [word, &of_rule].map(|name| settings.contains(&format!("`{name}`")));
            assert!(is_known.contains(&true), "{}: {word}", page.path);
        }
    }
    assert!(found > 50, "{found}");
}

#[test]
fn a_metric_is_told_from_what_stands_beside_it() {
    let (names, labels) = named(
        "sum by (le, a) (rate(x_seconds_bucket{b=~\"c|d{2}\",e!=\"f\"}[5m])) > 2 and on (g) up offset 1h\n",
    );
    let of_names: Vec<_> = names.iter().map(|name| family(name)).collect();
    assert_eq!(of_names, ["up", "x_seconds"]);
    assert_eq!(labels, ["le", "a", "b", "e", "g"]);
}

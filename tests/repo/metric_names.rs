//! Finds metrics that are spelled beside the catalog.

use crate::{
    files::{file, files},
    none,
};

/// What has the name of a metric and is none: signals of alerts, as the guides name them.
const NO_METRICS: [(&str, &str); 3] = [
    ("src/alerts/signal.rs", "circuit_breaker_open_count"),
    ("src/alerts/signal.rs", "cpu_usage_percent"),
    ("src/alerts/signal.rs", "memory_usage_percent"),
];

/// The words in the texts of a line of code. Comments have none.
fn words_in_texts(line: &str) -> impl Iterator<Item = &str> {
    let code = if line.trim_start().starts_with("//") {
        ""
    } else {
        line
    };
    let texts = code.split('"').skip(1).step_by(2);
    texts.flat_map(|text| text.split(|one: char| !one.is_ascii_alphanumeric() && one != '_'))
}

#[test]
fn no_room_but_the_catalog_spells_a_metric() {
    let page = file("docs/metrics.md").text;
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `"));
    let names: Vec<_> = rows.filter_map(|row| row.split('`').next()).collect();
    assert!(names.len() > 70, "the page of metrics is gone");
    let is_metric = |word: &str| {
        let samples = ["", "_bucket", "_count", "_sum", "_created"];
        let of_sample = |suffix| {
            word.strip_suffix(suffix)
                .is_some_and(|name| names.contains(&name))
        };
        samples.into_iter().any(of_sample)
    };
    let mut faults = Vec::new();
    for file in files("src", "rs") {
        if file.path.starts_with("src/metrics/catalog") || file.path.contains("tests") {
            continue;
        }
        // Tests say what others must see.
        let code = file
            .text
            .split("#[cfg(test)]\nmod tests {")
            .next()
            .unwrap_or_default();
        for word in code
            .lines()
            .flat_map(words_in_texts)
            .filter(|word| is_metric(word))
        {
            if !NO_METRICS.contains(&(&*file.path, word)) {
                faults.push(format!("{word} in {}", file.path));
            }
        }
    }
    none("only the catalog spells metrics", &faults);
}

#[test]
fn a_word_is_one_in_a_text_and_not_in_a_comment() {
    let found: Vec<_> = words_in_texts(r#"  let a_b = "{c_d}: e"; f("g{}") // "#).collect();
    assert_eq!(found, ["", "c_d", "", "", "e", "g", "", ""]);
    assert_eq!(words_in_texts("  // a \"b\" c").count(), 0);
}

//! Checks that each question has a page of its own: the question, its answer, an example, and what to watch out for.

use crate::{
    files::{file, files},
    links, none,
};

const INDEX: &str = "docs/questions.md";

/// The last part of each page.
const WARNINGS: &str = "\n## What to watch out for\n";

/// What a page lacks.
fn fault(text: &str) -> Option<&'static str> {
    let (title, rest) = text.split_once("\n\n").unwrap_or((text, ""));
    if !(title.starts_with("# ") && title.ends_with('?')) {
        return Some("its title is no question");
    }
    let (answer, rest) = rest.split_once("\n\n").unwrap_or((rest, ""));
    if answer.starts_with("```") || sentences(answer) > 2 {
        return Some("it does not begin with an answer of two sentences at most");
    }
    let example = rest.starts_with("```rust");
    let Some((_, warnings)) = rest.split_once(WARNINGS) else {
        return Some("it does not say what to watch out for");
    };
    if warnings.contains("\n## ") {
        return Some("what to watch out for is not its end");
    }
    (!example).then_some("no example follows the answer")
}

fn sentences(text: &str) -> usize {
    let text = text.replace('\n', " ") + " ";
    text.matches(". ").count() + text.matches("? ").count()
}

#[test]
fn each_question_has_a_page_with_an_answer_an_example_and_warnings() {
    let pages = files("docs/questions", "md");
    assert!(pages.len() >= 12, "pages are gone");
    let faults: Vec<_> = pages
        .iter()
        .filter_map(|page| Some(format!("{}: {}", page.path, fault(&page.text)?)))
        .collect();
    none("a page of a question has another form", &faults);
}

#[test]
fn the_index_of_questions_has_the_title_of_each_page() {
    let index = file(INDEX).text;
    let defined = links::definitions(&index);
    let missing: Vec<_> = files("docs/questions", "md")
        .into_iter()
        .filter(|page| {
            let title = page.text.lines().next().unwrap_or_default();
            let title = title.trim_start_matches("# ");
            !defined.iter().any(|known| {
                let row = format!("| [{title}][{}] | ", known.label);
                page.path == format!("docs/{}", known.target) && index.contains(&row)
            })
        })
        .map(|page| page.path)
        .collect();
    none("docs/questions.md does not lead to these pages", &missing);
}

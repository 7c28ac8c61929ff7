//! Finds the links of documents.

use std::path::Path;

use crate::files::File;

/// A definition such as `[guide:errors]: docs/errors.md`.
pub(crate) struct Definition<'t> {
    pub(crate) label: &'t str,
    pub(crate) target: &'t str,
}

/// All definitions of a document.
pub(crate) fn definitions(markdown: &str) -> Vec<Definition<'_>> {
    let lines = markdown.lines();
    let found = lines.filter_map(|line| {
        let (label, target) = line.strip_prefix('[')?.split_once("]: ")?;
        Some(Definition { label, target })
    });
    found.collect()
}

/// The labels that a document uses, such as `guide:errors` in `[errors][guide:errors]`.
pub(crate) fn labels(markdown: &str) -> Vec<&str> {
    let after = markdown.split("][").skip(1);
    after
        .filter_map(|rest| rest.split(']').next())
        .filter(|label| {
            ["guide:", "file:", "question:", "runbook:"]
                .iter()
                .any(|start| label.starts_with(start))
        })
        .collect()
}

/// The targets of links such as `[text](target)`.
pub(crate) fn inline(markdown: &str) -> Vec<&str> {
    let after = markdown.split("](").skip(1);
    after.filter_map(|rest| rest.split(')').next()).collect()
}

/// Whether a link leads to a file, and not to a page of the web, a place in this document or an item.
pub(crate) fn is_file(target: &str) -> bool {
    let elsewhere = ["https://", "http://", "data:", "crate::", "#"];
    !elsewhere.iter().any(|start| target.starts_with(start))
}

/// Whether the file at `target`, seen from `document`, is there.
pub(crate) fn resolves(document: &File, target: &str) -> bool {
    let path = target.split('#').next().unwrap_or(target);
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    let folder = root.join(&document.path);
    folder.with_file_name("").join(path).exists()
}

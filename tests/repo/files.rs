//! Reads what the files of the repository hold: tests, lines of code, blocks of code.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// A text file of the repository.
#[derive(Clone)]
pub(crate) struct File {
    /// From the root of the repository.
    pub(crate) path: String,
    pub(crate) text: String,
}

/// A line of a fenced block of code.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct BlockLine {
    pub(crate) number: usize,
    pub(crate) text: String,
    /// rustdoc compiles it and does not show it.
    pub(crate) hidden: bool,
}

fn root() -> &'static Path {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().unwrap()
}

/// The file at `path`, which must exist.
pub(crate) fn file(path: &str) -> File {
    let text = fs::read_to_string(root().join(path)).unwrap_or_else(|error| {
        panic!("{path}: {error}");
    });
    File {
        path: path.to_owned(),
        text,
    }
}

/// All files below `folder` with this extension, in the order of their paths.
pub(crate) fn files(folder: &str, extension: &str) -> Vec<File> {
    let mut paths = Vec::new();
    collect(&root().join(folder), extension, &mut paths);
    paths.sort();
    paths
        .iter()
        .map(|path| file(path.strip_prefix(root()).unwrap().to_str().unwrap()))
        .collect()
}

fn collect(folder: &Path, extension: &str, paths: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, extension, paths);
        } else if path.extension().is_some_and(|found| found == extension) {
            paths.push(path);
        }
    }
}

/// The names of the functions that a test runner runs.
pub(crate) fn tests(rust: &str) -> Vec<&str> {
    let lines: Vec<_> = rust.lines().map(str::trim).collect();
    let is_test = |at: usize| {
        // The attributes stand between the item before and the function.
        let above = lines[..at].iter().rev();
        above
            .take_while(|line| !line.is_empty() && !line.ends_with(['{', '}', ';']))
            .any(|line| line.starts_with("#[test]") || line.starts_with("#[tokio::test"))
    };
    let function = |line: &'_ str| -> Option<usize> {
        let rest = line.strip_prefix("async ").unwrap_or(line);
        rest.starts_with("fn ").then(|| line.len() - rest.len() + 3)
    };
    let named = lines.iter().enumerate().filter_map(|(at, line)| {
        let name = line[function(line)?..].split(['(', '<']).next()?;
        is_test(at).then_some(name)
    });
    named.collect()
}

/// How many lines are code: neither blank, nor a comment, nor in a `mod tests` of the file.
pub(crate) fn lines_of_code(rust: &str) -> usize {
    let mut count = 0;
    let mut lines = rust.lines().peekable();
    while let Some(line) = lines.next() {
        let tests = line == "#[cfg(test)]"
            && lines
                .peek()
                .is_some_and(|next| next.starts_with("mod tests {"));
        if tests {
            lines.by_ref().find(|line| *line == "}");
        } else if !line.trim().is_empty() && !line.trim().starts_with("//") {
            count += 1;
        }
    }
    count
}

/// The lines of all fenced blocks in Markdown.
pub(crate) fn blocks_of_markdown(text: &str) -> Vec<BlockLine> {
    blocks(text.lines().enumerate().map(|(at, line)| (at + 1, line)))
}

/// The lines of all fenced blocks in doc comments.
pub(crate) fn blocks_of_docs(rust: &str) -> Vec<BlockLine> {
    let docs = rust.lines().enumerate().filter_map(|(at, line)| {
        let line = line.trim_start();
        let doc = line.strip_prefix("///").or(line.strip_prefix("//!"))?;
        Some((at + 1, doc.strip_prefix(' ').unwrap_or(doc)))
    });
    let mut lines = blocks(docs);
    for line in &mut lines {
        line.hidden = line.text == "#" || line.text.starts_with("# ");
    }
    lines
}

fn blocks<'t>(lines: impl Iterator<Item = (usize, &'t str)>) -> Vec<BlockLine> {
    let mut inside = false;
    let mut found = Vec::new();
    for (number, text) in lines {
        if text.trim_start().starts_with("```") {
            inside = !inside;
        } else if inside {
            found.push(BlockLine {
                number,
                text: text.to_owned(),
                hidden: false,
            });
        }
    }
    found
}

/// The last cell of each row, with the row, of the tables whose header ends with `column`.
pub(crate) fn last_cells<'t>(markdown: &'t str, column: &str) -> Vec<(&'t str, &'t str)> {
    let cell = |row: &'t str| row.rsplit('|').nth(1).unwrap_or_default().trim();
    let mut inside = false;
    let mut found = Vec::new();
    for line in markdown.lines() {
        if !line.starts_with('|') {
            inside = false;
        } else if inside && !line.starts_with("| ---") {
            found.push((line, cell(line)));
        } else if !inside {
            inside = cell(line) == column;
        }
    }
    found
}

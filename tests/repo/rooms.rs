//! Reads which rooms of `src/` import which others.

use std::collections::{BTreeMap, BTreeSet};

use crate::files::File;

/// The rooms in the order that CONTRIBUTING shows, from the top down.
pub(crate) fn order(contributing: &str) -> Vec<&str> {
    let section = contributing.split("## Where things are").nth(1).unwrap();
    let block = section.split("```").nth(1).unwrap();
    let lines = block.lines().skip(1).filter(|line| !line.is_empty());
    lines
        .map(|line| line.split_whitespace().next().unwrap())
        .collect()
}

/// The room of a file: `src/a.rs` and `src/a/b.rs` are of room `a`. `None` for the root of the crate and for programs.
pub(crate) fn room(path: &str) -> Option<&str> {
    let path = path.strip_prefix("src/")?;
    let room = path.split(['/', '.']).next()?;
    (!matches!(room, "lib" | "bin")).then_some(room)
}

/// The rooms that a file names after `crate::`, in `use` lines and elsewhere.
pub(crate) fn imported_rooms(file: &File) -> BTreeSet<String> {
    names_after("crate::", &code(&file.text))
}

/// The files that import each other in a circle, beside parents with their own children.
pub(crate) fn circles(files: &[File]) -> Vec<String> {
    let mut imports = BTreeMap::new();
    for file in files {
        let (folder, _) = file.path.rsplit_once('/').unwrap();
        let code = code(&file.text);
        let mut names = names_after("super::", &code);
        // The same siblings by their full path.
        if let Some(path) = folder.strip_prefix("src/") {
            let path = format!("crate::{}::", path.replace('/', "::"));
            names.extend(names_after(&path, &code));
        }
        let siblings = names.iter().map(|name| format!("{folder}/{name}.rs"));
        imports.insert(file.path.clone(), siblings.collect::<BTreeSet<_>>());
    }
    let mut found = Vec::new();
    for start in imports.keys() {
        let mut seen = BTreeSet::new();
        let mut next: Vec<&String> = imports[start].iter().collect();
        while let Some(path) = next.pop() {
            if path == start {
                found.push(start.clone());
                break;
            }
            if seen.insert(path) {
                next.extend(imports.get(path).into_iter().flatten());
            }
        }
    }
    found
}

/// The text without comments.
fn code(text: &str) -> String {
    let lines = text.lines();
    let code = lines.filter(|line| !line.trim_start().starts_with("//"));
    code.collect::<Vec<_>>().join("\n")
}

/// The names directly after a prefix: one name, or the first names of a list in braces.
fn names_after(prefix: &str, code: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for (at, _) in code.match_indices(prefix) {
        // `super::super::` and `a::crate_name::` are other prefixes.
        let before = code[..at].chars().next_back();
        if before.is_some_and(|before| before.is_alphanumeric() || "_:".contains(before)) {
            continue;
        }
        let rest = &code[at + prefix.len()..];
        match rest.strip_prefix('{') {
            Some(list) => names.extend(first_names(list)),
            None => names.extend(first_name(rest)),
        }
    }
    names
}

/// The first name of each item of a list, up to its closing brace.
fn first_names(list: &str) -> Vec<String> {
    let mut depth = 0;
    let mut names = Vec::new();
    let mut item = String::new();
    for character in list.chars() {
        match character {
            '}' if depth == 0 => break,
            ',' if depth == 0 => names.extend(first_name(&std::mem::take(&mut item))),
            _ => item.push(character),
        }
        match character {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
    }
    names.extend(first_name(&item));
    names
}

fn first_name(item: &str) -> Option<String> {
    let item = item.trim_start();
    let end = item.find(|one: char| !one.is_alphanumeric() && one != '_');
    let name = &item[..end.unwrap_or(item.len())];
    (!name.is_empty()).then(|| name.to_owned())
}

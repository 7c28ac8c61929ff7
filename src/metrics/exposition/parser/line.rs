//! Parses one line of a text for Prometheus.

use super::{Exemplar, Labels};

/// A sample as it is written.
pub(crate) struct Line {
    pub(crate) name: String,
    pub(crate) labels: Labels,
    pub(crate) value: f64,
    /// Only OpenMetrics has it.
    pub(crate) exemplar: Option<Exemplar>,
}

impl Line {
    /// `None` if the line is no sample. A time stamp is none of the things that are expected here.
    pub(crate) fn parse(line: &str) -> Option<Self> {
        let end = line.find(['{', ' '])?;
        let (name, rest) = line.split_at(end);
        is_name(name, true).then_some(())?;
        let (labels, rest) = match rest.strip_prefix('{') {
            Some(inside) => labels(inside)?,
            None => (Labels::new(), rest),
        };
        let rest = rest.strip_prefix(' ')?;
        let (value, example) = match rest.split_once(" # {") {
            Some((value, example)) => (value, Some(example)),
            None => (rest, None),
        };
        Some(Self {
            name: name.to_owned(),
            labels,
            value: number(value)?,
            exemplar: match example {
                Some(example) => Some(exemplar(example)?),
                None => None,
            },
        })
    }
}

/// A number as both formats write it.
pub(crate) fn number(text: &str) -> Option<f64> {
    let plain = |one: u8| one.is_ascii_digit() || b"+-.e".contains(&one);
    match text {
        "+Inf" => Some(f64::INFINITY),
        "-Inf" => Some(f64::NEG_INFINITY),
        "NaN" => Some(f64::NAN),
        _ if text.bytes().all(plain) => text.parse().ok(),
        _ => None,
    }
}

/// A text without its escapes. `None` if it has others than these characters, or one of them without.
pub(crate) fn unescaped(text: &str, escaped: &str) -> Option<String> {
    let mut plain = String::new();
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        plain.push(match character {
            '\\' => match characters.next()? {
                'n' => '\n',
                other if escaped.contains(other) => other,
                _ => return None,
            },
            other if escaped.contains(other) => return None,
            other => other,
        });
    }
    Some(plain)
}

pub(crate) fn is_name(name: &str, colon: bool) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '_' || (colon && c == ':');
    !name.is_empty() && name.chars().all(fits) && !name.starts_with(|c: char| c.is_ascii_digit())
}

/// The labels after an opening brace, and what follows the closing one.
fn labels(mut rest: &str) -> Option<(Labels, &str)> {
    let mut labels = Labels::new();
    loop {
        if let Some(after) = rest.strip_prefix('}') {
            return Some((labels, after));
        }
        if !labels.is_empty() {
            rest = rest.strip_prefix(',')?;
        }
        let (label, after) = rest.split_once("=\"")?;
        is_name(label, false).then_some(())?;
        let mut slashes = false;
        let end = after.bytes().position(|one| {
            let ends = one == b'"' && !slashes;
            slashes = one == b'\\' && !slashes;
            ends
        })?;
        let (value, after) = after.split_at(end);
        let known = labels.insert(label.to_owned(), unescaped(value, "\\\"\n")?);
        known.is_none().then_some(())?;
        rest = after.strip_prefix('"')?;
    }
}

/// What follows ` # {`.
fn exemplar(text: &str) -> Option<Exemplar> {
    let (labels, rest) = labels(text)?;
    let length = |(name, value): (&String, &String)| name.chars().count() + value.chars().count();
    let length: usize = labels.iter().map(length).sum();
    let mut numbers = rest.strip_prefix(' ')?.split(' ');
    let exemplar = Exemplar {
        labels,
        value: number(numbers.next()?)?,
        at: number(numbers.next()?)?,
    };
    (length <= 128 && numbers.next().is_none()).then_some(exemplar)
}

//! Reads what a client prefers out of headers such as `Accept`.

use http::{HeaderMap, HeaderName};

/// The quality of a member that gives none, in thousandths.
const BEST: u16 = 1_000;

/// One member of such a header.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Preference<'a> {
    /// A range of media types, or an encoding.
    pub(crate) name: &'a str,
    /// In thousandths. 0 is not acceptable.
    pub(crate) quality: u16,
    /// What follows the name.
    parameters: &'a str,
}

// === impl Preference ===

impl<'a> Preference<'a> {
    /// `None` if it has no name, or if the quality is none.
    fn of(member: &'a str) -> Option<Self> {
        let name = unquoted(member, ';').next()?;
        let parameters = member.get(name.len()..)?;
        let name = name.trim();
        let mut preference = Self {
            name,
            quality: BEST,
            parameters,
        };
        if let Some(quality) = preference.parameter("q") {
            preference.quality = thousandths(quality)?;
        }
        (!name.is_empty()).then_some(preference)
    }

    /// The value of a parameter, without its quotes.
    pub(crate) fn parameter(&self, name: &str) -> Option<&'a str> {
        unquoted(self.parameters, ';').find_map(|parameter| {
            let (of, value) = parameter.split_once('=')?;
            let value = value.trim();
            let inner = value.strip_prefix('"');
            let inner = inner.and_then(|value| value.strip_suffix('"'));
            let is = of.trim().eq_ignore_ascii_case(name);
            is.then(|| inner.unwrap_or(value))
        })
    }
}

/// The members of all lines of a header. What makes no sense is left out.
pub(crate) fn preferences(headers: &HeaderMap, name: HeaderName) -> Vec<Preference<'_>> {
    let lines = headers.get_all(name).into_iter();
    lines
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| unquoted(line, ','))
        .filter_map(Preference::of)
        .collect()
}

/// A number from 0 to 1 with up to three decimals.
fn thousandths(text: &str) -> Option<u16> {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
    let digits = decimals.bytes().all(|byte| byte.is_ascii_digit());
    if !digits || decimals.len() > 3 || !matches!(whole, "0" | "1") {
        return None;
    }
    let value = format!("{whole}{decimals:0<3}").parse().ok()?;
    (value <= BEST).then_some(value)
}

/// The parts between separators that do not stand in quotes.
fn unquoted(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    text.split(move |character| {
        quoted ^= character == '"';
        character == separator && !quoted
    })
}

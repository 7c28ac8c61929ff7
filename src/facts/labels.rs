//! Turns methods and statuses into labels from closed sets.

use std::fmt;

use http::{Method, StatusCode};

use super::{Facts, outcome::Outcome};

/// One of HTTP's nine methods, or `_OTHER` for anything else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct MethodLabel(u8);

/// A status from 100 to 599, or `unknown`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct StatusLabel(u16);

// === impl MethodLabel ===

impl MethodLabel {
    /// Every label.
    pub(crate) const ALL: [&str; 10] = [
        "GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "CONNECT", "TRACE", "_OTHER",
    ];

    /// No method of HTTP.
    pub(crate) const OTHER: Self = Self(9);

    pub(crate) const fn new(method: &Method) -> Self {
        Self(match *method {
            Method::GET => 0,
            Method::POST => 1,
            Method::PUT => 2,
            Method::DELETE => 3,
            Method::PATCH => 4,
            Method::HEAD => 5,
            Method::OPTIONS => 6,
            Method::CONNECT => 7,
            Method::TRACE => 8,
            _ => 9,
        })
    }

    /// The index in [`ALL`](Self::ALL).
    pub(crate) const fn index(self) -> usize {
        self.0 as usize
    }

    pub(crate) const fn as_str(self) -> &'static str {
        Self::ALL[self.index()]
    }

    /// The label at an [`index`](Self::index).
    pub(crate) const fn at(index: u8) -> Self {
        let last = Self::ALL.len() as u8 - 1;
        Self(if index < last { index } else { last })
    }
}

// === impl StatusLabel ===

impl StatusLabel {
    pub(crate) fn new(status: StatusCode) -> Self {
        let code = status.as_u16();
        Self(if (100..600).contains(&code) { code } else { 0 })
    }

    /// The status of the head. Without a head: 499 if the client left, else 500.
    pub(crate) fn of(facts: &Facts) -> Self {
        match (facts.status, facts.outcome) {
            (Some(status), _) => Self::new(status),
            (None, Outcome::Cancelled) => Self(499),
            (None, _) => Self(500),
        }
    }

    /// The number, or 0 for `unknown`.
    pub(crate) const fn code(self) -> u16 {
        self.0
    }

    /// The label of a [`code`](Self::code).
    pub(crate) const fn at(code: u16) -> Self {
        Self(code)
    }

    pub(crate) const fn is_server_error(self) -> bool {
        self.0 >= 500
    }
}

impl fmt::Display for StatusLabel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => f.write_str("unknown"),
            code => code.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_maps_into_the_closed_set() {
        for (code, label) in [
            (100, "100"),
            (200, "200"),
            (418, "418"),
            (599, "599"),
            (600, "unknown"),
            (999, "unknown"),
        ] {
            let status = StatusCode::from_u16(code).unwrap();
            assert_eq!(StatusLabel::new(status).to_string(), label);
        }
    }

    #[test]
    fn a_method_is_one_of_ten_words() {
        let known = &MethodLabel::ALL[..9];
        for _ in 0..2_000 {
            let length = fastrand::usize(1..=40);
            let sign = || fastrand::choice(b"!#$%&'*+.^_`|~-".iter().copied()).unwrap();
            let letter = || match fastrand::bool() {
                true => fastrand::alphanumeric(),
                false => char::from(sign()),
            };
            let token: String = std::iter::repeat_with(letter).take(length).collect();
            // A word that is known, and one that begins with it.
            let word = fastrand::choice(known).unwrap();
            for token in [&*token, word, &format!("{word}{token}")] {
                let label = MethodLabel::new(&Method::from_bytes(token.as_bytes()).unwrap());
                let known = known.contains(&token);
                assert_eq!(label.as_str(), if known { token } else { "_OTHER" });
            }
        }
    }
}

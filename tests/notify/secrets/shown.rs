//! Keeps what was shown, and finds secrets in it.

use std::fmt::Debug;

use tower_vitals::config::ConfigError;

/// All that was shown, with what showed it.
#[derive(Default)]
pub(super) struct Shown(pub(super) Vec<(String, String)>);

// === impl Shown ===

impl Shown {
    pub(super) fn add(&mut self, what: impl Into<String>, text: impl Into<String>) {
        self.0.push((what.into(), text.into()));
    }

    pub(super) fn debug(&mut self, what: &str, value: &impl Debug) {
        self.add(what, format!("{value:?} {value:#?}"));
    }

    /// An error as an application prints it.
    pub(super) fn refused<T>(&mut self, what: &str, result: Result<T, ConfigError>) {
        let Err(error) = result else {
            panic!("{what} is taken")
        };
        self.add(what, format!("{error} {error:?}"));
    }

    pub(super) fn has(&self, text: &str) -> bool {
        self.0.iter().any(|(_, shown)| shown.contains(text))
    }

    /// Where one of the secrets stands, in capitals or not.
    pub(super) fn leaks(&self, secrets: &[String]) -> Vec<String> {
        let has =
            |text: &str, secret: &String| text.to_lowercase().contains(&secret.to_lowercase());
        let leaks = self.0.iter().flat_map(|(what, text)| {
            let lines = text
                .lines()
                .filter(|line| secrets.iter().any(|one| has(line, one)));
            lines.map(move |line| format!("{what}: {line}"))
        });
        leaks.collect()
    }
}

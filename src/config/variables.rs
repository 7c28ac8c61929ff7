//! Remembers which environment variables were read and set, so that somebody can be told where a setting came from.

use std::{cell::RefCell, collections::BTreeSet};

use super::Environment;

/// The names of variables that were read and had a value. No value is here.
#[derive(Clone, Debug, Default)]
pub(crate) struct Variables(BTreeSet<String>);

// === impl Variables ===

impl Variables {
    /// The first of these variables that was set. A secret can stand in a file instead, whose variable is named then.
    pub(crate) fn first_of(&self, names: &[&str]) -> Option<&str> {
        names.iter().find_map(|name| {
            let of_file = || self.0.get(&format!("{name}_FILE"));
            self.0.get(*name).or_else(of_file).map(String::as_str)
        })
    }

    /// Forgets a variable whose setting the application has replaced.
    pub(crate) fn forget(&mut self, name: &str) {
        self.0.remove(name);
    }
}

// === impl Environment ===

impl Environment<'_> {
    /// Reads settings, and says which variables were set among those that were read.
    pub(crate) fn noting<T>(&self, read: impl FnOnce(&Environment<'_>) -> T) -> (T, Variables) {
        let set = RefCell::new(BTreeSet::new());
        let variable = |name: &str| {
            let value = (self.0)(name);
            if value
                .as_deref()
                .is_some_and(|value| !value.trim().is_empty())
            {
                set.borrow_mut().insert(name.to_owned());
            }
            value
        };
        let read = read(&Environment(&variable));
        (read, Variables(set.into_inner()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_variables_that_were_read_and_set_are_noted_without_their_values() {
        let variable = |name: &str| match name {
            "READ" | "UNREAD" => Some("s3cret".to_owned()),
            "EMPTY" => Some("  ".to_owned()),
            "TOKEN_FILE" => Some("/dev/null".to_owned()),
            _ => None,
        };
        let (value, noted) = Environment(&variable).noting(|environment| {
            let _ = environment.secret("TOKEN");
            environment.first(&["EMPTY", "ABSENT", "READ"])
        });
        assert_eq!(value.as_deref(), Some("s3cret"));
        assert_eq!(noted.first_of(&["ABSENT", "EMPTY", "UNREAD"]), None);
        assert_eq!(noted.first_of(&["ABSENT", "READ"]), Some("READ"));
        assert_eq!(noted.first_of(&["TOKEN"]), Some("TOKEN_FILE"));
        assert!(!format!("{noted:?}").contains("s3cret"));
    }
}

//! Reads environment variables, always in the same way: trimmed, and empty as unset.

use std::{env, fs::File, io::Read};

use super::ConfigError;

/// The most bytes of a file with a secret.
const LONGEST_FILE: u64 = 64 << 10;

/// Where variables are read. The process's own are in [`Environment::process`].
#[derive(Clone, Copy)]
pub(crate) struct Environment<'a>(pub(crate) &'a dyn Fn(&str) -> Option<String>);

// === impl Environment ===

impl Environment<'_> {
    /// The variables of the process.
    pub(crate) fn process() -> Self {
        Self(&|name| env::var_os(name).map(|value| value.to_string_lossy().into_owned()))
    }

    /// The trimmed value. `None` if the variable is unset or empty.
    pub(crate) fn get(&self, name: &str) -> Option<String> {
        let value = (self.0)(name)?.trim().to_owned();
        (!value.is_empty()).then_some(value)
    }

    /// The value of the first of `names` that is set.
    pub(crate) fn first(&self, names: &[&str]) -> Option<String> {
        names.iter().find_map(|name| self.get(name))
    }

    /// A secret: the value, or what is in the file that the variable with `_FILE` behind its name leads to. White space around it is
    /// no part of it. `None` if neither is set.
    ///
    /// # Errors
    ///
    /// If both are set, and if the file cannot be read or holds nothing. No error shows a secret.
    pub(crate) fn secret(&self, name: &str) -> Result<Option<String>, ConfigError> {
        let name_of_file = format!("{name}_FILE");
        let (value, file) = (self.get(name), self.get(&name_of_file));
        let Some(file) = file else {
            return Ok(value);
        };
        let refuse = |reason| Err(ConfigError::new(name_of_file, file.clone(), reason));
        if value.is_some() {
            return refuse(format!("{name} is set as well"));
        }
        let mut secret = String::new();
        let read =
            File::open(&file).and_then(|open| open.take(LONGEST_FILE).read_to_string(&mut secret));
        match read {
            Ok(_) if secret.trim().is_empty() => refuse("the file is empty".to_owned()),
            Ok(_) => Ok(Some(secret.trim().to_owned())),
            Err(error) => refuse(error.kind().to_string()),
        }
    }

    /// A value that is needed because another variable is set.
    ///
    /// # Errors
    ///
    /// If there is none.
    pub(crate) fn needed(&self, name: &str, because: &str) -> Result<String, ConfigError> {
        self.get(name).ok_or_else(|| missing(name, because))
    }

    /// The same for a [`secret`](Self::secret).
    ///
    /// # Errors
    ///
    /// As for `secret`, and if there is none.
    pub(crate) fn needed_secret(&self, name: &str, because: &str) -> Result<String, ConfigError> {
        self.secret(name)?.ok_or_else(|| missing(name, because))
    }

    /// The parsed value, if the variable is set. `parse` gets it in lower case: the case of a word means nothing.
    ///
    /// # Errors
    ///
    /// If `parse` refuses the value. The error names the variable and the value, and gives `expected` as its reason.
    pub(crate) fn parse<T>(
        &self,
        name: &str,
        expected: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, ConfigError> {
        let Some(value) = self.get(name) else {
            return Ok(None);
        };
        match parse(&value.to_ascii_lowercase()) {
            Some(parsed) => Ok(Some(parsed)),
            None => Err(ConfigError::new(name, value, expected)),
        }
    }
}

fn missing(name: &str, because: &str) -> ConfigError {
    ConfigError::new(
        name,
        "",
        format!("expected a value, since {because} is set"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_trimmed_and_an_empty_one_is_unset() {
        let variables = |name: &str| match name {
            "SET" => Some(" 7 ".to_owned()),
            "LOUD" => Some("Yes".to_owned()),
            "EMPTY" => Some("  ".to_owned()),
            _ => None,
        };
        let environment = Environment(&variables);
        assert_eq!(environment.get("SET").as_deref(), Some("7"));
        assert_eq!(environment.get("EMPTY"), None);
        assert_eq!(environment.get("UNSET"), None);
        assert_eq!(environment.first(&["EMPTY", "SET"]).as_deref(), Some("7"));
        let number =
            |name| environment.parse(name, "expected a number", |text| text.parse::<u8>().ok());
        assert_eq!(number("SET"), Ok(Some(7)));
        assert_eq!(number("EMPTY"), Ok(None));
        let word = |text: &str| (text == "yes").then_some(());
        assert_eq!(
            environment.parse("LOUD", "expected yes", word),
            Ok(Some(()))
        );
        let refused = environment.parse("SET", "expected nothing", |_| None::<()>);
        assert_eq!(
            refused.unwrap_err().to_string(),
            r#"SET: invalid value "7": expected nothing"#
        );
    }
}

//! Finds the name of the service of which the process is a part.

use std::env;

use crate::config::{ConfigError, Environment, resource_attributes};

/// The longest name in characters. Sentry refuses a longer tag.
const LONGEST: usize = 200;

/// The name, if it can stand on log lines, on events and in labels.
pub(crate) fn checked(field: &str, name: String) -> Result<String, ConfigError> {
    let fits = !name.trim().is_empty()
        && name.chars().count() <= LONGEST
        && !name.contains(char::is_control);
    match fits {
        true => Ok(name),
        false => {
            let reason = "1 to 200 characters, none of them a control character";
            Err(ConfigError::new(field, name, reason))
        }
    }
}

/// The name that the environment gives.
pub(crate) fn from_environment(
    environment: &Environment<'_>,
) -> Result<Option<String>, ConfigError> {
    const VARIABLE: &str = "OTEL_SERVICE_NAME";
    let attribute = || {
        let name = resource_attributes::attribute(environment, "service.name")?;
        Some((resource_attributes::VARIABLE, name))
    };
    let own = environment.get(VARIABLE).map(|name| (VARIABLE, name));
    let found = own.or_else(attribute);
    found
        .map(|(variable, name)| checked(variable, name))
        .transpose()
}

/// The name of the program.
pub(crate) fn of_program() -> String {
    let path = env::current_exe().unwrap_or_default();
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    // Linux adds this if the file was replaced since.
    let name = name.strip_suffix(" (deleted)").unwrap_or(&name);
    let name = name.strip_suffix(env::consts::EXE_SUFFIX).unwrap_or(name);
    let name = checked("", name.to_owned());
    name.unwrap_or_else(|_| "unknown_service".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(variables: &[(&str, &str)]) -> Result<Option<String>, ConfigError> {
        let variable = |name: &str| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        from_environment(&Environment(&variable))
    }

    #[test]
    fn the_variable_of_the_name_comes_before_the_list_of_attributes() {
        let list = ("OTEL_RESOURCE_ATTRIBUTES", "service.name=of%20list");
        assert_eq!(of(&[]), Ok(None));
        assert_eq!(of(&[list]), Ok(Some("of list".into())));
        let name = |name| ("OTEL_SERVICE_NAME", name);
        assert_eq!(of(&[list, name(" shop ")]), Ok(Some("shop".into())));
        assert_eq!(of(&[list, name("  ")]), Ok(Some("of list".into())));
    }

    #[test]
    fn a_name_that_cannot_be_shown_is_refused_by_its_variable() {
        let long = "a".repeat(201);
        let list = format!("service.name={long}");
        for (variable, value, name) in [
            ("OTEL_SERVICE_NAME", long.as_str(), long.as_str()),
            ("OTEL_SERVICE_NAME", "a\u{7}b", "a\u{7}b"),
            ("OTEL_RESOURCE_ATTRIBUTES", &list, &long),
            ("OTEL_RESOURCE_ATTRIBUTES", "service.name=a%0Ab", "a\nb"),
        ] {
            let error = of(&[(variable, value)]).unwrap_err();
            assert_eq!((error.field(), error.value()), (variable, name));
        }
    }

    #[test]
    fn a_program_has_a_name() {
        // The test itself, with a hash behind its name.
        assert!(of_program().starts_with("tower_vitals-"));
    }
}

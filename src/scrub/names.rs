//! Recognises secrets by the name of their field.

use super::letters;

/// Parts of names of secrets, without case and punctuation.
const SECRET: &[&str] = &[
    "apikey",
    "auth",
    "bearer",
    "cardnumber",
    "cfaccess",
    "cookie",
    "credential",
    "creditcard",
    "creds",
    "csrf",
    "cvc",
    "cvv",
    "forwarded",
    "iban",
    "jwt",
    "kennwort",
    "passphrase",
    "passwd",
    "password",
    "passwort",
    "privatekey",
    "pwd",
    "saml",
    "secret",
    "sessid",
    "session",
    "signature",
    "token",
    "xamz",
    "xgoog",
    "xsrf",
];

/// Beginnings and ends of names of secrets. Inside other words they mean nothing.
const SECRET_AT_AN_END: &[&str] = &[
    "key",
    "sso",
    "sid",
    "pin",
    "ssn",
    "clientip",
    "connectingip",
    "realip",
    "remoteaddr",
];

/// Names that look like those of secrets and are not. The events of this crate use them.
const HARMLESS: &[&str] = &["error_category", "author", "keyboard"];

/// Whether a word of the text is the name of a secret.
pub(super) fn are_in(text: &str, keys: &[String]) -> bool {
    let mut words = text.split(|one: char| !one.is_alphanumeric() && !"_-".contains(one));
    words.any(|word| is_secret(word, keys))
}

/// Whether a field of this name holds a secret. `keys` are further parts of names, as [`letters`] makes them.
pub(super) fn is_secret(name: &str, keys: &[String]) -> bool {
    if HARMLESS.contains(&name) {
        return false;
    }
    let name = letters(name);
    let at_an_end = |part: &&str| name.starts_with(*part) || name.ends_with(*part);
    SECRET.iter().any(|part| name.contains(part))
        || SECRET_AT_AN_END.iter().any(at_an_end)
        || keys.iter().any(|part| name.contains(part))
}

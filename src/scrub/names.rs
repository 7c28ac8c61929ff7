//! Recognises secrets by the name of their field.

use super::letters;

/// Parts of names of secrets, without case and punctuation.
const SECRET: &[&str] = &[
    "apikey",
    "auth",
    "backupcode",
    "bearer",
    "cardnumber",
    "cfaccess",
    "clientassertion",
    "codeverifier",
    "contrasena",
    "contraseña",
    "cookie",
    "credential",
    "creditcard",
    "creds",
    "csrf",
    "cvc",
    "cvv",
    "devicecode",
    "forwarded",
    "iban",
    "hasło",
    "jwt",
    "kennwort",
    "losenord",
    "lösenord",
    "mnemonic",
    "motdepasse",
    "onetimecode",
    "otpcode",
    "passcode",
    "passkey",
    "passphrase",
    "passwd",
    "password",
    "passwort",
    "privatekey",
    "pwd",
    "recoverycode",
    "recoveryphrase",
    "salasana",
    "saml",
    "secret",
    "seedphrase",
    "senha",
    "sessid",
    "session",
    "signature",
    "token",
    "verificationcode",
    "wachtwoord",
    "xamz",
    "xgoog",
    "xsrf",
    "пароль",
    "密码",
    "密碼",
    "パスワード",
    "비밀번호",
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

/// Last words of names of secrets, which are parts of other words: `db_pass`, `smtpPass`, but `bypass`.
const SECRET_WORDS: &[&str] = &["otp", "pass", "pat", "psk", "pw", "totp"];

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
    if SECRET_WORDS.contains(&&*last_word(name)) {
        return true;
    }
    let name = letters(name);
    let at_an_end = |part: &&str| name.starts_with(*part) || name.ends_with(*part);
    SECRET.iter().any(|part| name.contains(part))
        || SECRET_AT_AN_END.iter().any(at_an_end)
        || keys.iter().any(|part| name.contains(part))
}

/// The last word of a name in small letters: `pass` of `DB_PASS`, of `smtpPass` and of `storepass`.
fn last_word(name: &str) -> String {
    const STORES: [&str; 2] = ["storepass", "keypass"];
    let end = name.trim_end_matches(|one: char| !one.is_alphanumeric());
    let word = end.rsplit(|one: char| !one.is_alphanumeric()).next();
    let word = word.unwrap_or_default();
    if STORES.iter().any(|store| word.ends_with(store)) {
        return "pass".to_owned();
    }
    let is_capital = |one: char| one.is_ascii_uppercase();
    let begin = match word.ends_with(is_capital) {
        // `smsOTP`.
        true => word.trim_end_matches(is_capital).len(),
        false => word.rfind(is_capital).unwrap_or(0),
    };
    word[begin..].to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scrub::Scrubbing;

    #[test]
    fn a_text_knows_each_name_that_structure_knows() {
        let scrubbing = Scrubbing::new();
        let mut known = Vec::new();
        // These are headers whose values are personal, or of one vendor. In a text they are words.
        let headers = ["cfaccess", "forwarded", "xamz", "xgoog"];
        let names = SECRET.iter().chain(SECRET_WORDS);
        for name in names.filter(|name| !headers.contains(name)) {
            let mut letters = name.chars();
            let first = letters.next().map(|one| one.to_uppercase().to_string());
            let camel = format!("x{}{}", first.unwrap_or_default(), letters.as_str());
            for name in [(*name).to_owned(), format!("x_{name}"), camel] {
                assert!(is_secret(&name, &[]), "{name}");
                let text = scrubbing.scrub(&format!("{name}=hunter17"));
                if text.contains("hunter17") {
                    known.push(name);
                }
            }
        }
        assert_eq!(known, [""; 0]);
    }
}

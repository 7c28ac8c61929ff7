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

/// A name that is no secret, whatever the application names: the events of this crate use it.
const ERROR_CATEGORY: &str = "error_category";

/// Beginnings of words that begin as names of secrets do.
const OTHER_BEGINNINGS: &[&str] = &[
    "keyboard",
    "keydown",
    "keyframe",
    "keynote",
    "keypress",
    "keyspace",
    "keystroke",
    "keyup",
    "keyword",
    "ping",
    "pinned",
    "pinning",
    "side",
];

/// Ends of names that end as names of secrets do: keys of rows, of caches and of messages, and other words.
const OTHER_ENDS: &[&str] = &[
    "cachekey",
    "foreignkey",
    "groupkey",
    "idempotencykey",
    "inside",
    "monkey",
    "objectkey",
    "outside",
    "partitionkey",
    "primarykey",
    "routingkey",
    "rowkey",
    "shardkey",
    "sortkey",
    "spin",
    "uniquekey",
];

/// The longest count, in bytes. A longer number can be a token itself.
const LONGEST_COUNT: usize = 9;

/// Parts of names of tokens that people type, which can be short numbers.
const OF_PEOPLE: &[&str] = &["backup", "login", "otp", "recovery", "reset", "sms"];

/// Whether a word of the text is the name of a secret.
pub(super) fn are_in(text: &str, keys: &[String]) -> bool {
    let mut words = text.split(|one: char| !one.is_alphanumeric() && !"_-".contains(one));
    words.any(|word| is_secret(word, keys))
}

/// Whether a field of this name holds a secret. `keys` are further parts of names, as [`letters`] makes them.
pub(super) fn is_secret(name: &str, keys: &[String]) -> bool {
    if name == ERROR_CATEGORY {
        return false;
    }
    if SECRET_WORDS.contains(&&*last_word(name)) {
        return true;
    }
    let name = letters(name);
    let begins = !OTHER_BEGINNINGS.iter().any(|other| name.starts_with(other));
    let ends = !OTHER_ENDS.iter().any(|other| name.ends_with(other));
    let at_an_end =
        |part: &&str| begins && name.starts_with(*part) || ends && name.ends_with(*part);
    SECRET.iter().any(|part| holds(&name, part))
        || SECRET_AT_AN_END.iter().any(at_an_end)
        || keys.iter().any(|part| name.contains(part))
}

/// Whether the name has the part, which is no part of `author` or of `authority`.
fn holds(name: &str, part: &str) -> bool {
    let of_author = |at: usize| {
        let rest = &name[at..];
        rest.starts_with("author")
            && !["authoriz", "authoris"]
                .iter()
                .any(|it| rest.starts_with(it))
    };
    let mut found = name.match_indices(part);
    found.any(|(at, _)| !(part == "auth" && of_author(at)))
}

/// Whether it is a number of tokens, which models of language and limits of rates count: `max_tokens=4096`. `keys` are as in
/// [`is_secret`]: what the application names is always secret.
pub(super) fn is_count(name: &str, value: &str, keys: &[String]) -> bool {
    // Another field can follow.
    let number = value.split(['&', ',', ';']).next().unwrap_or_default();
    let number = number.trim_matches(|one: char| !one.is_alphanumeric());
    let in_number = |one: u8| one.is_ascii_digit() || one == b'.';
    if !(1..=LONGEST_COUNT).contains(&number.len()) || !number.bytes().all(in_number) {
        return false;
    }
    let name = letters(name);
    let counted = ["tokens", "tokencount"]
        .iter()
        .find(|part| name.contains(**part));
    counted.is_some_and(|counted| {
        let rest = name.replacen(counted, "", 1);
        !is_secret(&rest, keys) && !OF_PEOPLE.iter().any(|part| rest.contains(part))
    })
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

    #[test]
    fn a_count_of_tokens_is_no_secret_unless_the_application_says_so() {
        let own = ["total".to_owned()];
        for (name, value, counts) in [
            ("max_tokens", "4096", true),
            ("promptTokenCount", "31", true),
            ("x-ratelimit-remaining-tokens", "149984", true),
            ("tokens", "9.5,", true),
            ("tokens", "9&page=2", true),
            ("tokens", "9-a", false),
            ("tokens", "4096b", false),
            ("tokens", "1234567890", false),
            ("tokens", "", false),
            ("token", "123456", false),
            ("auth_tokens", "123456", false),
            ("backup_tokens", "123456", false),
            ("total_tokens", "137", false),
        ] {
            assert_eq!(is_count(name, value, &own), counts, "{name}={value}");
        }
    }

    #[test]
    fn a_name_that_only_looks_like_that_of_a_secret_is_none() {
        for name in [
            "author",
            "author_id",
            "co_authors",
            ":authority",
            "keyword",
            "keyspace",
            "ping_ms",
            "pinned",
            "sidebar",
            "spin",
            "primary_key",
            "cacheKey",
            "idempotency-key",
        ] {
            assert!(!is_secret(name, &[]), "{name}");
        }
        for name in [
            "auth",
            "author_auth",
            "authorization",
            "authorisation",
            "oauth",
            "key",
            "keyId",
            "pin",
            "pinCode",
            "sid",
            "author_token",
            "primary_key_secret",
            "master_key",
        ] {
            assert!(is_secret(name, &[]), "{name}");
        }
    }
}

//! Recognises secrets by the name of their field.

use super::letters;

/// Parts of names of secrets, without case and punctuation. `auth` is another one, but for authors.
const SECRET: &[&str] = &[
    "apikey",
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

/// First words of names that begin as names of secrets do.
const OTHER_FIRST: &[&str] = &[
    "keyboard",
    "keydown",
    "keyframe",
    "keynote",
    "keypress",
    "keyspace",
    "keystroke",
    "keyup",
    "keyword",
    "keywords",
    "ping",
    "pings",
    "pinned",
    "pinning",
    "side",
    "sidebar",
    "sidecar",
];

/// Last words of names that end as names of secrets do.
const OTHER_LAST: &[&str] = &["monkey", "spin"];

/// Keys of rows, of caches and of messages, as one word or as two. A `primaryKey` of Azure and a `routing_key` of PagerDuty are
/// secrets.
const OTHER_KEYS: &[&str] = &[
    "cachekey",
    "foreignkey",
    "groupkey",
    "idempotencykey",
    "objectkey",
    "partitionkey",
    "rowkey",
    "shardkey",
    "sortkey",
    "uniquekey",
];

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
    if words(name).last().is_some_and(|last| is_secret_word(last)) {
        return true;
    }
    let letters = letters(name);
    let begins = SECRET_AT_AN_END
        .iter()
        .any(|part| letters.starts_with(part));
    let ends = SECRET_AT_AN_END.iter().any(|part| letters.ends_with(part));
    SECRET.iter().any(|part| letters.contains(part))
        || letters.matches("auth").count() > authors(&letters, name)
        || begins && !begins_otherwise(name)
        || ends && !ends_otherwise(name)
        || keys.iter().any(|part| letters.contains(part))
}

/// Whether the first word of the name is no secret's.
fn begins_otherwise(name: &str) -> bool {
    let words = words(name);
    words
        .first()
        .is_some_and(|first| is_one_of(OTHER_FIRST, first))
}

/// Whether the last word of the name is no secret's, or the last two together.
fn ends_otherwise(name: &str) -> bool {
    let words = words(name);
    let last = words.last().copied().unwrap_or_default();
    let two = words.len().saturating_sub(2);
    is_one_of(OTHER_LAST, last)
        || is_one_of(OTHER_KEYS, last)
        || is_one_of(OTHER_KEYS, &words[two..].concat())
}

/// How often a word of the name is, or has in it, `author` or `authority`.
fn authors(letters: &str, name: &str) -> usize {
    if !letters.contains("author") {
        return 0;
    }
    let of_word = |word: &str| {
        let word = word.to_lowercase();
        let found = word.match_indices("author").map(|(at, _)| &word[at..]);
        let is_author =
            |rest: &&str| !rest.starts_with("authoriz") && !rest.starts_with("authoris");
        found.filter(is_author).count()
    };
    words(name).into_iter().map(of_word).sum()
}

/// Whether it is the last word of the name of a secret: `pass` of `DB_PASS`, of `smtpPass` and of `storepass`.
fn is_secret_word(word: &str) -> bool {
    const STORES: [&str; 2] = ["storepass", "keypass"];
    let ends_as = |store: &&str| word.to_lowercase().ends_with(store);
    is_one_of(SECRET_WORDS, word) || STORES.iter().any(ends_as)
}

/// The words of a name: `prompt`, `Token` and `Count` of `promptTokenCount`.
pub(super) fn words(name: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let (mut begin, mut before) = (0, ' ');
    let mut letters = name.char_indices().peekable();
    while let Some((at, one)) = letters.next() {
        let ends_capitals = letters.peek().is_some_and(|(_, next)| next.is_lowercase());
        let is_first = one.is_uppercase() && (!before.is_uppercase() || ends_capitals);
        if is_first || !one.is_alphanumeric() {
            words.push(&name[begin..at]);
            begin = if is_first { at } else { at + one.len_utf8() };
        }
        before = one;
    }
    words.push(&name[begin..]);
    words.retain(|word| !word.is_empty());
    words
}

/// Whether the list has the word, in any case.
pub(super) fn is_one_of(list: &[&str], word: &str) -> bool {
    list.iter().any(|one| one.eq_ignore_ascii_case(word))
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
            "foreign_key",
            "cacheKey",
            "idempotency-key",
            "cachekey",
            "coauthor",
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
            "primaryKey",
            "routing_key",
            "cache_key_secret",
            "sms_pin",
            "access_pin",
            "common_key",
            "daemonKey",
            "pin_generated",
            "pin_guess",
            "sid_encoded",
            "key_upstream",
            "auth_original",
            "authOrg",
            "userAUTH",
            "AUTHv2",
            "AUTHid",
            "SMTP_AUTHuser",
            "mon_key",
            "monKey",
            "s_pin",
            "master_key",
        ] {
            assert!(is_secret(name, &[]), "{name}");
        }
    }
}

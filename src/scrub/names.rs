//! Recognises secrets by the name of their field.

use super::letters;

#[cfg(test)]
mod tests;

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
    "logincode",
    "losenord",
    "lösenord",
    "mfacode",
    "mnemonic",
    "motdepasse",
    "onetimecode",
    "otpcode",
    "passcode",
    "passhash",
    "passkey",
    "passphrase",
    "passwd",
    "password",
    "passwort",
    "pincode",
    "privatekey",
    "pwd",
    "pwhash",
    "recoverycode",
    "recoveryphrase",
    "salasana",
    "saml",
    "secret",
    "securitycode",
    "seedphrase",
    "senha",
    "sessid",
    "session",
    "signature",
    "smscode",
    "token",
    "twofactorcode",
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

/// Last words of names of secrets, which are parts of other words: `db_otp`, `wifiPsk`.
const SECRET_WORDS: &[&str] = &["otp", "pass", "pat", "psk", "pw", "totp"];

/// Ends of last words of names of secrets: `rootpass`, `bindpw`.
const SECRET_ENDINGS: &[&str] = &["pass", "pw"];

/// What a key is of that is a secret also if more words follow: `access_key_id`, `encryption_key_base64`.
const SECRET_KEYS: &[&str] = &[
    "access",
    "account",
    "aes",
    "app",
    "application",
    "client",
    "consumer",
    "decryption",
    "encryption",
    "hmac",
    "license",
    "master",
    "shared",
    "signing",
    "ssh",
    "storage",
    "subscription",
    "webhook",
];

/// A name that is no secret, whatever the application names: the events of this crate use it.
const ERROR_CATEGORY: &str = "error_category";

/// First words of names that begin as names of secrets do, also of several: `keyspaces`.
const OTHER_FIRST: &[&str] = &[
    "keybinding",
    "keyboard",
    "keydown",
    "keyframe",
    "keymap",
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
    "sidebar",
    "sidecar",
];

/// Last words of names that end as names of secrets do.
const OTHER_LAST: &[&str] = &[
    "allpass",
    "bandpass",
    "bypass",
    "compass",
    "encompass",
    "highpass",
    "lowpass",
    "monkey",
    "multipass",
    "overpass",
    "prepass",
    "spin",
    "subpass",
    "surpass",
    "trespass",
    "underpass",
    "wrongpass",
];

/// Keys of rows, of caches and of messages, as one word or as two. A `primaryKey` of Azure and a `routing_key` of PagerDuty are
/// secrets.
const OTHER_KEYS: &[&str] = &[
    "cachekey",
    "foreignkey",
    "groupkey",
    "idempotencykey",
    "objectkey",
    "partitionkey",
    "publickey",
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
    // Of several secrets each can have a number: `pass1`, `db_pin_2`.
    let stem = name.trim_end_matches(|one: char| one.is_ascii_digit() || "_-.".contains(one));
    let words = words(stem);
    let last = words.last().copied().unwrap_or_default();
    if is_secret_word(last) || words.windows(2).any(|two| is_secret_key(two[0], two[1])) {
        return true;
    }
    let letters = letters(name);
    let mut parts = SECRET_AT_AN_END.iter();
    let begins = parts.any(|part| letters.starts_with(part));
    let mut parts = SECRET_AT_AN_END.iter();
    let ends = parts.any(|part| ends_with(last, part) || letters.ends_with(part));
    SECRET.iter().any(|part| letters.contains(part))
        || letters.matches("auth").count() > authors(&letters, name)
        || begins && !begins_otherwise(name)
        || ends && !ends_otherwise(&words)
        || keys.iter().any(|part| letters.contains(part))
}

/// Whether the first word of the name is no secret's.
fn begins_otherwise(name: &str) -> bool {
    let words = words(name);
    words
        .first()
        .is_some_and(|first| is_one_of(OTHER_FIRST, first.trim_end_matches('s')))
}

/// Whether the last word of the name is no secret's, or the last two together.
fn ends_otherwise(words: &[&str]) -> bool {
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

/// Whether it is the last word of the name of a secret: `pass` of `DB_PASS` and of `smtpPass`, and `storepass`.
fn is_secret_word(word: &str) -> bool {
    let ends = SECRET_ENDINGS.iter().any(|ending| ends_with(word, ending));
    is_one_of(SECRET_WORDS, word) || ends && !is_one_of(OTHER_LAST, word)
}

/// Whether a word ends with these letters of ASCII, in any case.
fn ends_with(word: &str, ending: &str) -> bool {
    let begin = word.len().checked_sub(ending.len());
    let end = begin.and_then(|begin| word.as_bytes().get(begin..));
    end.is_some_and(|end| end.eq_ignore_ascii_case(ending.as_bytes()))
}

fn is_secret_key(of: &str, key: &str) -> bool {
    is_one_of(SECRET_KEYS, of) && is_one_of(&["key", "keys"], key)
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

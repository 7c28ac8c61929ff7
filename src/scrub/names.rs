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

/// The words of names that count tokens. With any other word it can be the name of a token that people type.
const COUNTING: &[&str] = &[
    "accepted",
    "ai",
    "anthropic",
    "audio",
    "available",
    "avg",
    "budget",
    "cache",
    "cached",
    "candidates",
    "capacity",
    "completion",
    "context",
    "count",
    "creation",
    "day",
    "gen",
    "generated",
    "hour",
    "image",
    "input",
    "left",
    "limit",
    "llm",
    "max",
    "min",
    "minute",
    "new",
    "num",
    "number",
    "of",
    "output",
    "per",
    "prediction",
    "prompt",
    "rate",
    "ratelimit",
    "read",
    "reasoning",
    "rejected",
    "remaining",
    "request",
    "response",
    "second",
    "text",
    "thinking",
    "thoughts",
    "token",
    "tokens",
    "tool",
    "total",
    "usage",
    "use",
    "used",
    "window",
    "write",
    "x",
];

/// The longest count, in bytes. A longer number can be a token itself.
const LONGEST_COUNT: usize = 9;

/// The same after the word `tokens` alone. Codes that people type have six digits.
const LONGEST_ALONE: usize = 5;

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

/// As [`is_count`], in a text. What stands before the name can be a part of it: `mfa/tokens=17`, `recovery tokens: 17`.
pub(super) fn is_count_in(before: &str, name: &str, value: &str, keys: &[String]) -> bool {
    if before.ends_with([']', '/', ':']) || !is_count(name, value, keys) {
        return false;
    }
    let is_alone = words(name).len() == 1;
    let word = before.strip_suffix(' ').and_then(|before| {
        let begin = before.rfind(|one: char| !one.is_alphabetic());
        let begin = begin.map_or(0, |at| {
            at + before[at..].chars().next().map_or(0, char::len_utf8)
        });
        Some(&before[begin..]).filter(|word| !word.is_empty())
    });
    !is_alone || word.is_none_or(|word| COUNTING.contains(&word.to_lowercase().as_str()))
}

/// Whether the first word of the name is no secret's.
fn begins_otherwise(name: &str) -> bool {
    let words = words(name);
    let first = words.first();
    first.is_some_and(|first| OTHER_FIRST.contains(&first.as_str()))
}

/// Whether the last word of the name is no secret's, or the last two together.
fn ends_otherwise(name: &str) -> bool {
    let words = words(name);
    let is_key = |last: &str| OTHER_KEYS.contains(&last);
    match &words[..] {
        [.., one, last] => {
            OTHER_LAST.contains(&last.as_str()) || is_key(last) || is_key(&format!("{one}{last}"))
        }
        [last] => OTHER_LAST.contains(&last.as_str()) || is_key(last),
        [] => false,
    }
}

/// How often a word of the name is, or has in it, `author` or `authority`.
fn authors(letters: &str, name: &str) -> usize {
    if !letters.contains("author") {
        return 0;
    }
    let of_word = |word: String| {
        let found = word.match_indices("author").map(|(at, _)| &word[at..]);
        let is_author =
            |rest: &&str| !rest.starts_with("authoriz") && !rest.starts_with("authoris");
        found.filter(is_author).count()
    };
    words(name).into_iter().map(of_word).sum()
}

/// Whether it is a number of tokens, which models of language and limits of rates count: `max_tokens=4096`. `keys` are as in
/// [`is_secret`]: what the application names is always secret.
pub(super) fn is_count(name: &str, value: &str, keys: &[String]) -> bool {
    let number = value.trim_matches(['"', '\'', '`', '\\', ',', ';', ')']);
    let in_number = |one: u8| one.is_ascii_digit() || one == b'.';
    if !(1..=LONGEST_COUNT).contains(&number.len()) || !number.bytes().all(in_number) {
        return false;
    }
    let words = words(name);
    let counts = |pair: &[String]| pair[0] == "token" && pair[1] == "count";
    let is_counted = words.iter().any(|word| word == "tokens") || words.windows(2).any(counts);
    let name = letters(name);
    is_counted
        && (words.len() > 1 || number.len() <= LONGEST_ALONE)
        && words.iter().all(|word| COUNTING.contains(&word.as_str()))
        && !keys.iter().any(|part| name.contains(part))
}

/// The words of a name in small letters: `prompt`, `token` and `count` of `promptTokenCount`.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut letters = name.chars().peekable();
    let mut before = ' ';
    while let Some(one) = letters.next() {
        let ends_capitals = letters.peek().is_some_and(|next| next.is_lowercase());
        let begins = one.is_uppercase() && (!before.is_uppercase() || ends_capitals);
        if begins || !one.is_alphanumeric() {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut().filter(|_| one.is_alphanumeric()) {
            word.extend(one.to_lowercase());
        }
        before = one;
    }
    words.retain(|word| !word.is_empty());
    words
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
            ("--max-tokens ", "4096", true),
            ("promptTokenCount", "31", true),
            ("x-ratelimit-remaining-tokens", "149984", true),
            ("gen_ai.usage.input_tokens", "17", true),
            ("tokens=", "9.5,", true),
            ("tokens", "\"9\",", true),
            ("tokens", "9&page=2", false),
            ("tokens", "12,hunter2", false),
            ("tokens", "482913", false),
            ("mfa/tokens", "17", false),
            ("tokens", "4096b", false),
            ("tokens", "1234567890", false),
            ("tokens", "", false),
            ("token", "123456", false),
            ("token_secret", "48291377", false),
            ("token_session", "123456", false),
            ("token_sms", "482913", false),
            ("auth_tokens", "123456", false),
            ("backup_tokens", "123456", false),
            ("mfa_tokens", "482913", false),
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

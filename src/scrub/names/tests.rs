use super::*;
use crate::scrub::Scrubbing;

/// Names as applications have them: one of each way in which a name is told.
const EXAMPLES: &[&str] = &[
    "2fa_two_factor_code",
    "accessKeyId",
    "DB_PASS2",
    "dbpass",
    "db_pin_2",
    "encryption_key_base64",
    "fernet_key",
    "ldap_bindpw",
    "login_code",
    "masterauth",
    "mfaCodes",
    "mfa_code",
    "otp1",
    "pass1",
    "pass_hash",
    "pin2",
    "primaryKey",
    "pw_hash",
    "requirepass",
    "rootpass",
    "routing_key",
    "securityCode",
    "security_code",
    "SIGNING_KEY_PEM",
    "sms_code",
    "smtppass",
    "ssh_key_data",
    "STRIPE_KEY",
    "two_factor_code",
    "userpass",
    "userPin1",
    "x-functions-key",
];

/// The ways in which a text says this name that leave the value in it.
fn left_in_texts(name: &str) -> Vec<String> {
    let scrubbing = Scrubbing::new();
    let texts = [
        format!("{name}=hunter17"),
        format!("{name}: hunter17"),
        format!("got {{\"{name}\":\"hunter17\"}} there"),
        format!("Login {{ {name}: Some(\"hunter17\") }}"),
    ];
    let texts = texts.into_iter().map(|text| scrubbing.scrub(&text));
    texts.filter(|text| text.contains("hunter17")).collect()
}

#[test]
fn a_text_and_structure_know_the_same_names() {
    // These are headers whose values are personal, or of one vendor. In a text they are words.
    let headers = ["cfaccess", "forwarded", "xamz", "xgoog"];
    let parts = SECRET.iter().chain(SECRET_WORDS);
    let parts = parts.filter(|part| !headers.contains(part));
    let with_parts = parts.flat_map(|part| {
        let (first, rest) = part.split_at(part.chars().next().map_or(0, char::len_utf8));
        let camel = format!("x{}{rest}", first.to_uppercase());
        [(*part).to_owned(), format!("x_{part}"), camel]
    });
    let keys = SECRET_KEYS.iter().map(|of| format!("{of}_key_id"));
    let endings = SECRET_ENDINGS.iter().map(|ending| format!("some{ending}"));
    let examples = EXAMPLES.iter().map(|name| (*name).to_owned());
    let mut left = Vec::new();
    for name in with_parts.chain(keys).chain(endings).chain(examples) {
        assert!(is_secret(&name, &[]), "{name}");
        left.extend(left_in_texts(&name));
    }
    assert_eq!(left, [""; 0]);
}

#[test]
fn a_text_and_structure_know_the_same_other_names() {
    let last = OTHER_LAST.iter().chain(OTHER_KEYS).copied();
    let others = [
        "cache_key",
        "sortKey",
        "pass_rate",
        "tests_passed",
        "user_passed",
    ];
    for name in last.chain(others) {
        assert!(!is_secret(name, &[]), "{name}");
        let left = left_in_texts(name);
        assert_eq!(left.len(), 4, "{name}: {left:?}");
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

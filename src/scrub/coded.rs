//! Tells a word that can be a key or a token from one of a sentence, a name with numbers, an amount or an id.

/// The letters of ordinary words that have a number: `sha256`, `oauth2`, `user17`.
const ORDINARY: &[&str] = &[
    "account", "aes", "app", "argon", "argond", "argoni", "argonid", "attempt", "auth", "base",
    "baseurl", "bcrypt", "blake", "blakeb", "blakes", "column", "crc", "curve", "customer", "db",
    "des", "ecdsa", "ed", "env", "es", "fa", "fido", "field", "form", "hmacsha", "host", "hs",
    "http", "id", "input", "ipv", "item", "job", "jwt", "key", "level", "line", "md", "node",
    "number", "oauth", "order", "page", "part", "pbkdf", "phase", "pkcs", "pod", "policy", "ps",
    "region", "row", "rs", "rsa", "rule", "saml", "scrypt", "secpk", "secpr", "server", "service",
    "session", "sha", "shard", "slot", "ssl", "stage", "step", "task", "tenant", "test", "thread",
    "tls", "token", "try", "user", "users", "utf", "uuid", "v", "version", "worker", "x", "zone",
];

/// Whether a word has letters and digits, and is no name, date, version, amount or path.
pub(super) fn is_coded(word: &str) -> bool {
    let has = |kind: fn(&u8) -> bool| word.as_bytes().iter().any(kind);
    let is_base64 = || {
        let all = |byte: u8| byte.is_ascii_alphanumeric() || b"+/=".contains(&byte);
        word.len() >= 20
            && word.bytes().all(all)
            && has(u8::is_ascii_uppercase)
            && has(u8::is_ascii_lowercase)
    };
    has(u8::is_ascii_digit)
        && has(u8::is_ascii_alphabetic)
        && (!word.contains(|one| "/:()=,;|".contains(one)) || is_base64())
        && !is_named(word)
        && !is_amount(word)
        && variety(word) >= 4
}

/// Whether letters and digits of a word change so often that it is no name with numbers.
pub(super) fn is_mixed(word: &str) -> bool {
    word.len() >= 8 && is_coded(word) && changes(word) >= 3
}

/// Whether a word is made at random, as a token or a code in a path or a query is: also one of hexadecimal digits, and one of
/// letters in both cases.
pub(super) fn is_token(word: &str) -> bool {
    word.split(['/', '.', '~']).any(|part| {
        let has = |kind: fn(&u8) -> bool| part.as_bytes().iter().any(kind);
        let cases = || has(u8::is_ascii_uppercase) && has(u8::is_ascii_lowercase);
        is_mixed(part) || part.len() >= 16 && (is_coded(part) || part.len() >= 20 && cases())
    })
}

/// Whether a word is a UUID or a ULID.
pub(super) fn is_id(word: &str) -> bool {
    let parts =
        word.split('-').map(
            |part| match part.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                true => part.len(),
                false => 0,
            },
        );
    let is_ulid = word.len() == 26
        && word
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase());
    is_ulid || parts.eq([8, 4, 4, 4, 12])
}

/// `user17`, `sha-256`, `order-17-eu`, `us-east-1a`, `v1.2.3`: words and numbers. And `shop-7d9f8b6c5d-x2k4q`, as Kubernetes
/// names what it makes.
fn is_named(word: &str) -> bool {
    let letters = word.bytes().filter(u8::is_ascii_alphabetic);
    let letters: String = letters
        .map(|byte| char::from(byte.to_ascii_lowercase()))
        .collect();
    let plain = |part: &str| {
        let part = part.strip_prefix('v').unwrap_or(part);
        let number = part.strip_suffix(|one: char| one.is_ascii_lowercase());
        // `2.0.0-rc1`.
        let release = ["alpha", "beta", "dev", "pre", "rc"];
        let release = release.iter().find_map(|kind| part.strip_prefix(kind));
        let number = release.or(number).unwrap_or(part);
        number.bytes().all(|byte| byte.is_ascii_digit())
            || part.bytes().all(|byte| byte.is_ascii_alphabetic())
    };
    let several = word.contains(['-', '_', '.']) && word.split(['-', '_', '.']).all(plain);
    several || is_generated(word) || ORDINARY.binary_search(&&*letters).is_ok()
}

/// A name of words whose last part Kubernetes made, also that before it: `shop-7d9f8b6c5d-x2k4q`, `default-token-x2k4q`. It
/// uses only letters and digits that spell no words.
fn is_generated(word: &str) -> bool {
    let made = |part: &str| {
        let safe = b"bcdfghjklmnpqrstvwxz2456789";
        part.bytes().all(|byte| safe.contains(&byte))
    };
    let named = |part: &str| part.len() >= 2 && part.bytes().all(|byte| byte.is_ascii_lowercase());
    let Some((names, last)) = word.rsplit_once('-') else {
        return false;
    };
    let names = match names.rsplit_once('-') {
        Some((names, part)) if (8..=10).contains(&part.len()) && made(part) => names,
        _ => names,
    };
    // Kubernetes makes five characters, and kustomize ten.
    matches!(last.len(), 5 | 10) && made(last) && names.split('-').all(named)
}

/// `30days`, `3rd`.
fn is_amount(word: &str) -> bool {
    let unit = word.trim_start_matches(|one: char| one.is_ascii_digit());
    unit.len() < word.len() && unit.bytes().all(|byte| byte.is_ascii_lowercase())
}

/// How many different characters a word has.
fn variety(word: &str) -> usize {
    let mut seen = [false; 128];
    word.bytes()
        .for_each(|byte| seen[usize::from(byte & 127)] = true);
    seen.iter().filter(|seen| **seen).count()
}

/// How often letters follow digits or digits letters.
fn changes(word: &str) -> usize {
    let kinds = word.bytes().filter(u8::is_ascii_alphanumeric);
    let kinds: Vec<_> = kinds.map(|byte| byte.is_ascii_digit()).collect();
    kinds.windows(2).filter(|two| two[0] != two[1]).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_words_with_numbers_stand_in_order() {
        assert!(ORDINARY.is_sorted());
    }
}

//! Takes user, password, query values and fragment out of a URL.

use super::FILTERED;

/// Hosts whose paths are keys, or their ends.
const KEYS_IN_PATHS: &[&str] = &[
    "hooks.slack.com",
    "hooks.zapier.com",
    "maker.ifttt.com",
    ".webhook.office.com",
    ".infura.io",
    ".alchemy.com",
];

/// The URL without user, password, values of its query, and fragment.
pub(crate) fn url_without_secrets(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    // If there is no port after the colon, it begins a password that contains `/`, `?` or `#`.
    let cut = authority
        .rsplit_once(':')
        .is_some_and(|(_, port)| port.bytes().any(|byte| !byte.is_ascii_digit()));
    if cut && authority.len() == rest.len() && ends_in_password(scheme, authority) {
        return format!("{scheme}://{FILTERED}");
    }
    if cut && let Some((_, rest)) = rest.rsplit_once('@') {
        return url_without_secrets(&format!("{scheme}://{rest}")).replacen(
            "://",
            "://[Filtered]@",
            1,
        );
    }
    let (rest, fragment) = match rest.split_once('#') {
        Some((rest, _)) => (rest, "#[Filtered]"),
        None => (rest, ""),
    };
    let (rest, values) = match rest.split_once('?') {
        Some((rest, values)) => (rest, format!("?{}", query(values))),
        None => (rest, String::new()),
    };
    let (authority, path) = match rest.find('/') {
        Some(at) => rest.split_at(at),
        None => (rest, ""),
    };
    let host = match authority.rsplit_once('@') {
        Some((_, host)) => format!("{FILTERED}@{host}"),
        None => authority.to_owned(),
    };
    let path = match KEYS_IN_PATHS.iter().any(|known| host.ends_with(known)) {
        true => "/[Filtered]",
        false => path,
    };
    format!("{scheme}://{host}{path}{values}{fragment}")
}

/// Whether a URL was cut within its password: `postgres://bob:hunt`. A port would stand there, or a word for one.
fn ends_in_password(scheme: &str, authority: &str) -> bool {
    let Some((host, port)) = authority.rsplit_once(':') else {
        return false;
    };
    let after = port.trim_start_matches(|one: char| one.is_ascii_digit());
    let is_port = after.len() < port.len() && !after.starts_with(|one: char| one.is_alphanumeric());
    // The tag of an image, the end of an address, and a path of Windows have a colon before them, too.
    let is_other =
        ["docker", "oci"].iter().any(|one| scheme.contains(one)) || host.starts_with('[');
    !authority.contains('@')
        && !is_port
        && !is_other
        && port.starts_with(|one: char| one.is_alphanumeric())
        && !port.eq_ignore_ascii_case("port")
}

/// An authority without user and password: of `bob:hunter2@proxy:3128` the host.
fn without_user(authority: &str) -> Option<String> {
    let (user, host) = authority.rsplit_once('@')?;
    let is_user = user.contains(':') && !user.contains('/') && user != FILTERED;
    is_user.then(|| format!("{FILTERED}@{host}"))
}

/// The URL with a host that can be one, so that Sentry can read it: a client can write a secret where its host is expected.
pub(super) fn with_host(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return url.to_owned();
    };
    let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let (_, host) = authority.rsplit_once('@').unwrap_or(("", authority));
    match host.contains(FILTERED) {
        true => format!("{scheme}://unknown{path}"),
        false => url.to_owned(),
    }
}

/// A DSN that is not valid, without its key. The key can stand anywhere before the last `@`. Without one, nothing tells the key
/// from the rest.
#[cfg(feature = "sentry")]
pub(crate) fn dsn_without_key(dsn: &str) -> String {
    match dsn.rsplit_once('@') {
        Some((_, rest)) => {
            let rest = url_without_secrets(rest);
            format!("{FILTERED}@{}", rest.trim_start_matches("://"))
        }
        None => FILTERED.to_owned(),
    }
}

/// As [`url_without_secrets`], also for a URL in JSON, in which each slash has backslashes. All slashes get as many as the first
/// two have at most: if they differed, the next pass would find another URL.
pub(super) fn without_secrets(url: &str) -> String {
    let Some((_, slashes)) = url.split_once(':') else {
        return url_without_secrets(url);
    };
    let escapes = slashes.split('/').take(2).map(str::len).max();
    let escape = "\\".repeat(escapes.unwrap_or_default());
    if escape.is_empty() {
        return url_without_secrets(url);
    }
    let plain = url.split('/').map(|part| part.trim_end_matches('\\'));
    let plain = plain.collect::<Vec<_>>().join("/");
    url_without_secrets(&plain).replace('/', &format!("{escape}/"))
}

/// The query without its values. A part without a value can be one itself, also with the `=` at the end of base64.
pub(super) fn query(query: &str) -> String {
    let pairs = query.split('&').map(|pair| match pair.split_once('=') {
        Some((name, value)) if value.bytes().any(|byte| byte != b'=') => {
            format!("{name}={FILTERED}")
        }
        _ => FILTERED.to_owned(),
    });
    pairs.collect::<Vec<_>>().join("&")
}

/// A URL without the values of its query, also a relative one. All of the text is the URL, whatever is in it.
pub(super) fn without_query(url: &str) -> Option<String> {
    if let Some(relative) = url.strip_prefix("//") {
        let kept = url_without_secrets(&format!("http://{relative}"));
        return kept.strip_prefix("http:").map(str::to_owned);
    }
    if let Some(kept) = without_user(url).filter(|_| !url.contains(['/', '?', '#'])) {
        return Some(kept);
    }
    // A query can hold another URL, and `://` with it.
    let (before, _) = url.split_once(['?', '#']).unwrap_or((url, ""));
    if before.contains("://") {
        return Some(url_without_secrets(url)).filter(|kept| kept != url);
    }
    let (rest, fragment) = match url.split_once('#') {
        Some((rest, _)) => (rest, "#[Filtered]"),
        None => (url, ""),
    };
    let kept = match rest.split_once('?') {
        Some((path, values)) => format!("{path}?{}{fragment}", query(values)),
        None => format!("{rest}{fragment}"),
    };
    (kept != url).then_some(kept)
}

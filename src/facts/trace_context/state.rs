//! Reads `tracestate`: what other tracers add to a trace.

use http::{HeaderMap, HeaderValue};

use super::TRACESTATE;

/// The most members of a list.
const MEMBERS: usize = 32;

/// The most bytes of a list that is passed on.
const LONGEST: usize = 2_048;

/// The list of the caller, if all of it is valid. Several headers are one list.
pub(super) fn read(headers: &HeaderMap) -> Option<HeaderValue> {
    let mut list = String::new();
    for value in headers.get_all(TRACESTATE) {
        let value = value.to_str().ok()?.trim();
        if list.len() + value.len() > LONGEST {
            return None;
        }
        if !list.is_empty() && !value.is_empty() {
            list.push(',');
        }
        list.push_str(value);
    }
    let is_valid = !list.is_empty() && is_valid(&list);
    is_valid.then(|| HeaderValue::try_from(list).ok())?
}

fn is_valid(list: &str) -> bool {
    let mut keys = Vec::with_capacity(MEMBERS);
    for member in list
        .split(',')
        .map(|member| member.trim_matches([' ', '\t']))
    {
        // An empty member is allowed.
        if member.is_empty() {
            continue;
        }
        let Some((key, value)) = member.split_once('=') else {
            return false;
        };
        if !is_key(key) || !is_value(value) || keys.contains(&key) || keys.len() == MEMBERS {
            return false;
        }
        keys.push(key);
    }
    !keys.is_empty()
}

fn is_key(key: &str) -> bool {
    let begins = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    key.len() <= 256
        && key.as_bytes().first().is_some_and(begins)
        && key.bytes().all(
            |byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' | b'*' | b'/' | b'@'),
        )
}

fn is_value(value: &str) -> bool {
    (1..=256).contains(&value.len())
        && value
            .bytes()
            .all(|byte| matches!(byte, b' '..=b'~') && byte != b'=')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(values: &[&str]) -> Option<String> {
        let values = values
            .iter()
            .map(|value| (TRACESTATE, HeaderValue::from_str(value).unwrap()));
        let mut headers = HeaderMap::new();
        values.for_each(|(name, value)| _ = headers.append(name, value));
        read(&headers).map(|value| value.to_str().unwrap().to_owned())
    }

    #[test]
    fn a_valid_list_is_passed_on_and_an_invalid_one_is_dropped() {
        let many = |count: usize| {
            let all: Vec<_> = (0..count).map(|n| format!("k{n}=v")).collect();
            all.join(",")
        };
        let (most, too_many) = (many(32), many(33));
        let (long, too_long) = (
            format!("a={}", "v".repeat(256)),
            format!("a={}", "v".repeat(257)),
        );
        let huge = vec![long.replace("a=", "b="); 200].join(",");
        for valid in [
            "rojo=00f067aa0ba902b7",
            "t@v=1, a/b=x y",
            "a=1,,b=2",
            &most,
            &long,
        ] {
            assert_eq!(list(&[valid]).as_deref(), Some(valid));
        }
        for invalid in [
            "", " ", ",", "novalue", "=x", "A=1", "a=1=2", "a=", "a=1,a=2", &too_many, &too_long,
            &huge,
        ] {
            assert_eq!(list(&[invalid]), None, "{invalid}");
        }
        assert_eq!(list(&["a=1", "b=2"]).as_deref(), Some("a=1,b=2"));
        assert_eq!(list(&["a=1", "B=2"]), None);
        assert_eq!(list(&[]), None);
    }
}

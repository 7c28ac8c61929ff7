//! Reads the trace that a caller names: `traceparent`, `b3` of one header, and `sentry-trace`.

use http::{HeaderMap, HeaderName};

use super::{B3, SAMPLED, SENTRY_TRACE, TRACEPARENT};

/// The ids of a trace and of a span in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ids {
    /// Not zero.
    pub(crate) trace_id: [u8; 16],
    /// Not zero.
    pub(crate) span_id: [u8; 8],
    pub(crate) flags: u8,
}

// === impl Ids ===

impl Ids {
    /// What `traceparent` names.
    pub(super) fn of_w3c(headers: &HeaderMap) -> Option<Self> {
        only(headers, &TRACEPARENT).and_then(Self::traceparent)
    }

    /// What `b3` names, if it is read, else `sentry-trace`.
    pub(super) fn of_others(headers: &HeaderMap, read_b3: bool) -> Option<Self> {
        let of_b3 = read_b3.then(|| only(headers, &B3).and_then(Self::b3));
        let of_sentry = || only(headers, &SENTRY_TRACE).and_then(Self::sentry_trace);
        of_b3.flatten().or_else(of_sentry)
    }

    /// `<version>-<trace>-<span>-<flags>`, in small letters. Versions after the first may have more.
    pub(crate) fn traceparent(value: &str) -> Option<Self> {
        let value = value.trim();
        let (version, rest) = value.split_at_checked(2)?;
        let (ids, flags) = rest.strip_prefix('-')?.split_at_checked(49)?;
        let (flags, more) = flags.strip_prefix('-')?.split_at_checked(2)?;
        let ends_well = more.is_empty() || (version != "00" && more.starts_with('-'));
        let is_known = hex::<1>(version).is_some_and(|version| version != [0xff]);
        let is_small = !ids.bytes().any(|byte| byte.is_ascii_uppercase())
            && !version.bytes().any(|byte| byte.is_ascii_uppercase())
            && !flags.bytes().any(|byte| byte.is_ascii_uppercase());
        let [flags] = hex::<1>(flags)?;
        // Only the flags that this version defines are passed on.
        let flags = flags & SAMPLED;
        (is_known && is_small && ends_well).then(|| Self::pair(ids, flags))?
    }

    /// `<trace>-<span>`, and perhaps `-0`, `-1` or `-`. Without a decision the trace counts as sampled.
    pub(crate) fn sentry_trace(value: &str) -> Option<Self> {
        let (ids, sampled) = value.trim().split_at_checked(49)?;
        let flags = match sampled {
            "-0" => 0,
            "" | "-" | "-1" => SAMPLED,
            _ => return None,
        };
        Self::pair(ids, flags)
    }

    /// `<trace>-<span>`, and perhaps `-<sampled>` and `-<parent>`. A trace of 16 digits is a short one. Without a decision the
    /// trace counts as sampled.
    fn b3(value: &str) -> Option<Self> {
        let mut parts = value.trim().split('-');
        let (trace, span) = (parts.next()?, parts.next()?);
        let flags = match parts.next() {
            Some("0") => 0,
            None | Some("1" | "d") => SAMPLED,
            Some(_) => return None,
        };
        let parent_is_well = parts.next().is_none_or(|parent| hex::<8>(parent).is_some());
        if !parent_is_well || parts.next().is_some() {
            return None;
        }
        let trace_id = hex::<16>(trace).or_else(|| {
            let mut long = [0; 16];
            long[8..].copy_from_slice(&hex::<8>(trace)?);
            Some(long)
        });
        Self::new(trace_id?, hex::<8>(span)?, flags)
    }

    /// Two ids with `-` between them.
    fn pair(text: &str, flags: u8) -> Option<Self> {
        let (trace, span) = text.split_once('-')?;
        Self::new(hex::<16>(trace)?, hex::<8>(span)?, flags)
    }

    /// An id of zeros is none.
    fn new(trace_id: [u8; 16], span_id: [u8; 8], flags: u8) -> Option<Self> {
        (trace_id != [0; 16] && span_id != [0; 8]).then_some(Self {
            trace_id,
            span_id,
            flags,
        })
    }
}

/// The value of a header that is there once.
fn only<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    let mut values = headers.get_all(name).iter();
    let only = values.next().filter(|_| values.next().is_none())?;
    only.to_str().ok()
}

fn hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    if text.len() != 2 * N {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        let digit = |at: usize| char::from(pair[at]).to_digit(16);
        *byte = u8::try_from(digit(0)? << 4 | digit(1)?).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;
    use crate::facts::trace_context::TraceContext;

    const TRACE: &str = "771a43a4192642f0b136d5159a501700";
    const SPAN: &str = "7b9a5d1fd0d42a88";

    fn all(headers: &HeaderMap) -> Option<Ids> {
        Ids::of_w3c(headers).or_else(|| Ids::of_others(headers, true))
    }

    fn read(headers: &[(HeaderName, &str)]) -> Option<(String, String, u8)> {
        let headers = headers
            .iter()
            .map(|(name, value)| (name.clone(), HeaderValue::from_str(value).unwrap()));
        let caller = all(&headers.collect())?;
        let shown = TraceContext::new(caller.trace_id, caller.span_id, caller.flags);
        let ids = (shown.trace_id().to_owned(), shown.span_id().to_owned());
        Some((ids.0, ids.1, caller.flags))
    }

    #[test]
    fn the_ids_of_the_caller_are_read_strictly() {
        let zeros = "0".repeat(32);
        let long = "f".repeat(64 * 1024);
        for (name, value, expected) in [
            (SENTRY_TRACE, format!("{TRACE}-{SPAN}"), Some(1)),
            (SENTRY_TRACE, format!("{TRACE}-{SPAN}-1"), Some(1)),
            (SENTRY_TRACE, format!("{TRACE}-{SPAN}-0"), Some(0)),
            (SENTRY_TRACE, format!("{TRACE}-{SPAN}-yes"), None),
            (SENTRY_TRACE, format!("{TRACE}{SPAN}-"), None),
            (SENTRY_TRACE, format!("{zeros}-{SPAN}"), None),
            (SENTRY_TRACE, format!("{TRACE}-{}", &zeros[..16]), None),
            (SENTRY_TRACE, TRACE.to_owned(), None),
            (TRACEPARENT, format!("00-{TRACE}-{SPAN}-01"), Some(1)),
            (TRACEPARENT, format!("00-{TRACE}-{SPAN}-00"), Some(0)),
            // A flag of a later version is not passed on.
            (TRACEPARENT, format!("00-{TRACE}-{SPAN}-03"), Some(1)),
            (TRACEPARENT, format!("cc-{TRACE}-{SPAN}-00-more"), Some(0)),
            (TRACEPARENT, format!("cc-{TRACE}-{SPAN}-00.more"), None),
            (TRACEPARENT, format!("00-{TRACE}-{SPAN}-00-more"), None),
            (TRACEPARENT, format!("ff-{TRACE}-{SPAN}-00"), None),
            (TRACEPARENT, format!("00-{TRACE}-{SPAN}"), None),
            (TRACEPARENT, format!("00-{TRACE}-{SPAN}-0x"), None),
            (TRACEPARENT, format!("00-{zeros}-{SPAN}-01"), None),
            (TRACEPARENT, format!("00-{TRACE}-{}-01", &zeros[..16]), None),
            (TRACEPARENT, format!("00-{TRACE}-{SPAN}-{long}"), None),
            (TRACEPARENT, long.clone(), None),
            (
                TRACEPARENT,
                format!("00-{TRACE}-{SPAN}-01").to_uppercase(),
                None,
            ),
            (B3, format!("{TRACE}-{SPAN}"), Some(1)),
            (B3, format!("{TRACE}-{SPAN}-0"), Some(0)),
            (B3, format!("{TRACE}-{SPAN}-d"), Some(1)),
            (B3, format!("{TRACE}-{SPAN}-1-{SPAN}"), Some(1)),
            (B3, format!("{TRACE}-{SPAN}-1-{SPAN}-1"), None),
            (B3, format!("{TRACE}-{SPAN}-yes"), None),
            (B3, "0".to_owned(), None),
            (B3, long, None),
        ] {
            let found = read(&[(name.clone(), &value)]);
            let expected = expected.map(|flags| (TRACE.to_owned(), SPAN.to_owned(), flags));
            let shown = &value[..value.len().min(80)];
            assert_eq!(found, expected, "{name}: {shown}");
        }
        let short = read(&[(B3, &format!("{SPAN}-{SPAN}-1"))]).unwrap();
        assert_eq!(short.0, format!("{}{SPAN}", &zeros[..16]));
    }

    #[test]
    fn of_two_formats_one_is_taken_and_of_two_values_none() {
        let own = format!("00-{}-{SPAN}-01", "1".repeat(32));
        let of_sentry = format!("{TRACE}-{SPAN}");
        let both = [(SENTRY_TRACE, &*of_sentry), (TRACEPARENT, &own)];
        assert_eq!(read(&both).unwrap().0, "1".repeat(32));
        let garbage = [(SENTRY_TRACE, &*of_sentry), (TRACEPARENT, "garbage")];
        assert_eq!(read(&garbage).unwrap().0, TRACE);
        let double = format!("00-{TRACE}-{SPAN}-01");
        let mut headers = HeaderMap::new();
        for value in [&own, &double] {
            headers.append(TRACEPARENT, HeaderValue::from_str(value).unwrap());
        }
        assert_eq!(all(&headers), None);
    }
}

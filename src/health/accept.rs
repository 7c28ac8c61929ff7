//! Chooses the format that a reader accepts.

use http::{HeaderMap, header};

use super::response::Format;
use crate::preferences::{Preference, preferences};

/// What a reader thinks of one format.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Opinion {
    /// In thousandths. 0 is not acceptable.
    quality: u16,
    /// How exactly the format was named: 2 for its media type, 1 for `application/*`, 0 for `*/*`.
    exactness: u8,
}

/// The accepted format with the highest quality. Of equals, the one that is named more exactly; of these, the more special
/// one. `*/*` alone means `default`, and so does a header that accepts none of the formats, unless it refuses that one.
///
/// Parameters of media types are ignored. `application/health+json` is only for those who name it.
pub(super) fn accepted(headers: &HeaderMap, default: Format) -> Format {
    let members = preferences(headers, header::ACCEPT);
    let formats = [Format::Text, Format::Json, Format::HealthJson];
    let named = formats.map(|format| (format, opinion(&members, format)));
    let acceptable = named.iter().filter_map(|(format, opinion)| {
        let opinion = opinion.filter(|opinion| opinion.quality > 0)?;
        let wanted = opinion.exactness > 0 || *format == default;
        Some(((opinion, wanted), *format))
    });
    // Of equals, `max_by_key` takes the last.
    if let Some((_, best)) = acceptable.max_by_key(|(rank, _)| *rank) {
        return best;
    }
    // Nothing is accepted, and something must be answered: best what is not refused.
    let mut rest = [default, Format::Text, Format::Json].into_iter();
    let unnamed = rest.find(|format| opinion(&members, *format).is_none());
    unnamed.unwrap_or(default)
}

/// What the most exact member says of a format. `None` if no member names it.
fn opinion(members: &[Preference<'_>], format: Format) -> Option<Opinion> {
    let media_type = format.content_type();
    let (media_type, _) = media_type.split_once(';').unwrap_or((media_type, ""));
    let exactness = |range: &str| {
        let (kind, _) = media_type.split_once('/')?;
        let within = range.strip_suffix("/*");
        if range.eq_ignore_ascii_case(media_type) {
            Some(2)
        } else if format == Format::HealthJson {
            None
        } else if within.is_some_and(|range| range.eq_ignore_ascii_case(kind)) {
            Some(1)
        } else {
            (range == "*/*").then_some(0)
        }
    };
    let opinions = members.iter().filter_map(|member| {
        Some(Opinion {
            quality: member.quality,
            exactness: exactness(member.name)?,
        })
    });
    opinions.max_by_key(|opinion| (opinion.exactness, opinion.quality))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn the_reader_chooses_the_format_as_http_says() {
        use Format::{HealthJson, Json, Text};
        // The header, and the format on a probe for programs and on one for Kubernetes.
        for (accept, health, readyz) in [
            ("", Json, Text),
            ("*/*", Json, Text),
            ("text/html, */*;q=0.8", Json, Text),
            ("image/png", Json, Text),
            ("nonsense;;;,,", Json, Text),
            ("application/json", Json, Json),
            ("APPLICATION/JSON", Json, Json),
            ("application/json; charset=utf-8", Json, Json),
            ("application/json-seq", Json, Text),
            ("xapplication/json", Json, Text),
            ("application/vnd.api+json", Json, Text),
            ("text/plain", Text, Text),
            ("Text/Plain;version=0.0.4", Text, Text),
            ("image/png, text/plain", Text, Text),
            ("text/*", Text, Text),
            ("application/*", Json, Json),
            ("application/Health+JSON", HealthJson, HealthJson),
            ("application/health+jsonx", Json, Text),
            ("application/json, text/plain, */*", Json, Json),
            (
                "application/json, application/health+json",
                HealthJson,
                HealthJson,
            ),
            ("application/json;q=0.5, text/plain", Text, Text),
            ("application/json, text/plain;q=0.5", Json, Json),
            ("application/json ; Q=0.2 , text/plain;q=0.3", Text, Text),
            ("application/json;q=0.123, text/plain;q=0.122", Json, Json),
            ("text/plain;q=0.5, */*;q=0.8", Json, Json),
            (
                "application/health+json;q=0.1, application/json",
                Json,
                Json,
            ),
            ("application/json;q=0", Text, Text),
            ("application/json;q=0, */*", Text, Text),
            ("text/plain;q=0.000, */*", Json, Json),
            ("text/plain;q=0", Json, Json),
            ("*/*;q=0", Json, Text),
            ("application/json;q=2, text/plain;q=0.1", Text, Text),
            ("application/json;q=, text/plain;q=0.1", Text, Text),
            ("application/json;q=0.1234, text/plain;q=0.1", Text, Text),
            (r#"text/plain;a=", application/json,";q=0.1"#, Text, Text),
            (r#"text/plain;a=";q=0""#, Text, Text),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT, HeaderValue::from_static(accept));
            let both = (accepted(&headers, Json), accepted(&headers, Text));
            assert_eq!(both, (health, readyz), "{accept:?}");
        }
        let mut two = HeaderMap::new();
        for value in [&b"text/plain;q=0.1"[..], b"\xff", b"application/json"] {
            two.append(header::ACCEPT, HeaderValue::from_bytes(value).unwrap());
        }
        assert_eq!(accepted(&two, Text), Json, "a header may have many lines");
        assert_eq!(accepted(&HeaderMap::new(), Text), Text);
    }
}

//! Chooses the form in which a reader gets the metrics, by its headers.

use http::{HeaderMap, header};

use super::Format;
use crate::preferences::{Preference, preferences};

/// In what form a reader gets the metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Form {
    pub(crate) format: Format,
    pub(crate) gzip: bool,
}

/// The form that these headers accept best. A reader that accepts none gets the text, not compressed.
pub(crate) fn accepted(headers: &HeaderMap) -> Form {
    Form {
        format: format(&preferences(headers, header::ACCEPT)),
        gzip: gzip(&preferences(headers, header::ACCEPT_ENCODING)),
    }
}

/// OpenMetrics is for readers that name it, in this version or in any. Of equals it is the better one: it has exemplars.
fn format(preferences: &[Preference<'_>]) -> Format {
    let version = |one: &&Preference<'_>| matches!(one.parameter("version"), None | Some("1.0.0"));
    let openmetrics = named(preferences, "application/openmetrics-text").filter(version);
    let openmetrics = best(openmetrics).unwrap_or(0);
    let text = ["text/plain", "text/*", "*/*"];
    let text = text
        .iter()
        .find_map(|range| best(named(preferences, range)));
    if openmetrics > 0 && openmetrics >= text.unwrap_or(0) {
        Format::OpenMetrics
    } else {
        Format::Text
    }
}

fn gzip(preferences: &[Preference<'_>]) -> bool {
    let of = |names: &[&str]| {
        let all = names.iter().flat_map(|name| named(preferences, name));
        best(all)
    };
    let gzip = of(&["gzip", "x-gzip"]).or_else(|| of(&["*"])).unwrap_or(0);
    // A reader takes the plain text without naming it. Only a reader that names it can prefer it.
    let plain = of(&["identity"]).unwrap_or(0);
    gzip > 0 && gzip >= plain
}

fn named<'a>(
    preferences: &'a [Preference<'_>],
    name: &str,
) -> impl Iterator<Item = &'a Preference<'a>> {
    let all = preferences.iter();
    all.filter(move |one| one.name.eq_ignore_ascii_case(name))
}

fn best<'a>(preferences: impl Iterator<Item = &'a Preference<'a>>) -> Option<u16> {
    preferences.map(|one| one.quality).max()
}

#[cfg(test)]
mod tests {
    use Format::{OpenMetrics, Text};
    use http::{HeaderName, HeaderValue};

    use super::*;

    /// The lines of one header.
    fn lines(name: HeaderName, lines: &[&[u8]]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(&name, HeaderValue::from_bytes(line).unwrap());
        }
        headers
    }

    #[test]
    fn openmetrics_is_for_readers_that_prefer_it_by_name() {
        for (accept, expected) in [
            // Prometheus 2.42, without and with native histograms, and 3.5; Grafana Alloy sends the same.
            (
                "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,\
                 text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
                OpenMetrics,
            ),
            (
                "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited,\
                 application/openmetrics-text;version=1.0.0;q=0.8,application/openmetrics-text;version=0.0.1;q=0.75,\
                 text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
                OpenMetrics,
            ),
            (
                "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,\
                 application/openmetrics-text;version=0.0.1;q=0.5,\
                 text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
                OpenMetrics,
            ),
            // Prometheus 3 whose `scrape_protocols` begin with the text.
            (
                "text/plain;version=0.0.4;q=0.6,application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,\
                 */*;q=0.4",
                Text,
            ),
            // VictoriaMetrics, curl, and a browser.
            ("text/plain;version=0.0.4;q=1,*/*;q=0.1", Text),
            ("*/*", Text),
            (
                "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8",
                Text,
            ),
            ("application/openmetrics-text", OpenMetrics),
            (
                "Application/OpenMetrics-Text; Version=\"1.0.0\"; charset=utf-8",
                OpenMetrics,
            ),
            ("application/openmetrics-text;version=0.0.1", Text),
            ("application/openmetrics-text;version=2.0.0", Text),
            ("application/openmetrics-text;version=1.0.0;q=0", Text),
            (
                "application/openmetrics-text;version=1.0.0;q=0.001",
                OpenMetrics,
            ),
            (
                "application/openmetrics-text;version=1.0.0;q=0.1, text/plain;q=0",
                OpenMetrics,
            ),
            ("application/openmetrics-text;version=1.0.0;q=1.5", Text),
            (
                "application/openmetrics-text;version=1.0.0;q=0.5, text/*;q=0.6",
                Text,
            ),
            (
                "application/openmetrics-text;version=1.0.0;q=0.5, */*;q=0.6",
                Text,
            ),
            (
                "text/plain, application/openmetrics-text;version=1.0.0",
                OpenMetrics,
            ),
            ("application/openmetrics-textual;version=1.0.0", Text),
            ("application/*", Text),
            ("application/json", Text),
            ("text/plain;q=0", Text),
            (
                "image/png;a=\",application/openmetrics-text;version=1.0.0,\"",
                Text,
            ),
            ("", Text),
            (";;,,=\"", Text),
        ] {
            let headers = lines(header::ACCEPT, &[accept.as_bytes()]);
            assert_eq!(accepted(&headers).format, expected, "{accept}");
        }
        assert_eq!(accepted(&HeaderMap::new()).format, Text);
    }

    #[test]
    fn a_text_is_compressed_for_readers_that_accept_it_as_well() {
        for (encoding, expected) in [
            // Prometheus and VictoriaMetrics, Prometheus without compression, curl --compressed, a browser.
            ("gzip", true),
            ("identity", false),
            ("deflate, gzip", true),
            ("gzip, deflate, br, zstd", true),
            ("GZip;q=1.0", true),
            ("x-gzip", true),
            ("gzip;q=0.001", true),
            ("gzip;q=0", false),
            ("gzip;q=0.000, *", false),
            ("gzip;q=2", false),
            ("*", true),
            ("*;q=0", false),
            ("br", false),
            ("identity;q=0", false),
            ("identity;q=0, *;q=0.5", true),
            ("identity, gzip;q=0.5", false),
            ("identity;q=0.5, gzip", true),
            ("gzip-ish", false),
            ("", false),
        ] {
            let headers = lines(header::ACCEPT_ENCODING, &[encoding.as_bytes()]);
            assert_eq!(accepted(&headers).gzip, expected, "{encoding}");
        }
        assert!(!accepted(&HeaderMap::new()).gzip);
    }

    #[test]
    fn a_header_can_have_many_lines() {
        let three = [
            &b"text/plain;q=0.5"[..],
            b"\xff",
            b"application/openmetrics-text;version=1.0.0;q=0.6",
        ];
        let accept = lines(header::ACCEPT, &three);
        assert_eq!(accepted(&accept).format, OpenMetrics);
        let encoding = lines(header::ACCEPT_ENCODING, &[b"br", b"gzip"]);
        assert!(accepted(&encoding).gzip);
    }
}

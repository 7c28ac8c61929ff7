//! Reads `OTEL_RESOURCE_ATTRIBUTES`, by which OpenTelemetry names a process.

use percent_encoding::percent_decode_str;

use super::Environment;

/// The variable.
pub(crate) const VARIABLE: &str = "OTEL_RESOURCE_ATTRIBUTES";

/// The value of an attribute: the last one with this key, as OpenTelemetry's own libraries have it. `None` if it is empty.
///
/// The list is `key=value,key=value`, and what cannot stand there is percent-encoded. A part without `=` is no attribute.
pub(crate) fn attribute(environment: &Environment<'_>, wanted: &str) -> Option<String> {
    let decoded = |text: &str| {
        let text = percent_decode_str(text.trim()).decode_utf8_lossy();
        text.into_owned()
    };
    let list = environment.get(VARIABLE)?;
    let mut pairs = list.split(',').filter_map(|pair| pair.split_once('='));
    let (_, value) = pairs.rfind(|(key, _)| decoded(key) == wanted)?;
    Some(decoded(value)).filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attribute_is_found_whatever_stands_around_it() {
        for (list, value) in [
            ("service.name=shop", Some("shop")),
            ("a=b, service.name = shop ,c=d", Some("shop")),
            ("service.name=a%2Cb%3Dc%20%C3%BC%25", Some("a,b=c ü%")),
            ("service%2Ename=shop", Some("shop")),
            ("service.name=first,service.name=last", Some("last")),
            ("service.name=a=b", Some("a=b")),
            ("service.name=%zz", Some("%zz")),
            ("nonsense,,=,service.name=shop", Some("shop")),
            ("service.name=", None),
            ("service.name.more=x", None),
            ("service.name", None),
            ("", None),
        ] {
            let variable = |name: &str| (name == VARIABLE).then(|| list.to_owned());
            let found = attribute(&Environment(&variable), "service.name");
            assert_eq!(found.as_deref(), value, "{list}");
        }
    }
}

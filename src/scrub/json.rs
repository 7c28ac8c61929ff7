//! Scrubs the fields of a JSON document, by their names and by their values. It knows the fields of Sentry's protocol.

use std::borrow::Cow;

use serde_json::{Map, Number, Value};

use super::{
    FILTERED, Scrubbing, beside,
    fields::{self, Kind, is_safe_header},
    health_data::{self, Item},
    names, pairs,
    urls::{query, with_host, without_query},
};

/// The depth beyond which everything is filtered.
const MAX_DEPTH: usize = 64;

/// The smallest number that can be a card number.
const SMALLEST_CARD: u64 = 1_000_000_000_000;

/// The tag of a deployment that says who deployed.
const DEPLOYED_BY: &str = "deployed_by";

// === impl Scrubbing ===

impl Scrubbing {
    /// Scrubs the header of an envelope. Only the name of a transaction in it can hold a secret.
    pub(crate) fn scrub_envelope_header(&self, header: &mut Value) {
        if let Some(trace) = header.get_mut("trace").and_then(Value::as_object_mut)
            && let Some(name) = trace.get_mut("transaction")
        {
            if self.keeps_free_text() || name.as_str().is_some_and(health_data::is_route) {
                self.scrub_value(name, 0);
            } else {
                trace.remove("transaction");
            }
        }
    }

    /// Scrubs one item of an envelope in place.
    pub(crate) fn scrub_item(&self, kind: Item, item: &mut Value) {
        if !self.keeps_free_text() {
            *item = health_data::rebuilt(kind, item);
        }
        self.scrub_fields_of_item(item);
    }

    /// Scrubs in place what is no item of its own: a list of logs or of metrics, or the text of an attachment.
    pub(crate) fn scrub_any(&self, value: &mut Value) {
        self.scrub_value(value, 0);
    }

    fn scrub_fields_of_item(&self, item: &mut Value) {
        let operator = take_operator(item);
        for (name, value) in item.as_object_mut().into_iter().flatten() {
            match name.as_str() {
                // The types of contexts and the ids of threads are Sentry's own.
                "contexts" => self.scrub_except(value, "type", true),
                "threads" => {
                    if let Some(threads) = value.get_mut("values") {
                        // A number is Sentry's own. A text is the application's.
                        for thread in threads.as_array_mut().into_iter().flatten() {
                            if let Some(Value::String(id)) = thread.get_mut("id") {
                                self.scrub_text(id, 2);
                            }
                        }
                        self.scrub_except(threads, "id", false);
                    }
                }
                // Its parts are no pair of a name and a value.
                "fingerprint" => self.scrub_each(value, 1),
                // Only here it is the id of a session of Sentry's. Elsewhere it is one of the application's.
                "sid" if is_id(value, &[32, 36]) => {}
                "logentry" => self.scrub_message(value),
                name if fields::is_unscrubbed(name) => {}
                name => self.scrub_field(name, value, 1),
            }
        }
        if let Some(operator) = operator {
            item["tags"][DEPLOYED_BY] = operator;
        }
    }

    /// Scrubs a message and its parameters, which nothing but the message names.
    fn scrub_message(&self, entry: &mut Value) {
        let message = entry["message"].as_str().unwrap_or_default();
        let named = names::are_in(message, &self.keys);
        let before = message.to_owned();
        self.scrub_value(entry, 1);
        if (named || entry["message"] != before)
            && let Some(parameters) = entry.get_mut("params")
        {
            self.filter(parameters, 1);
        }
    }

    /// Scrubs each object within `value` but for its field `own`.
    fn scrub_except(&self, value: &mut Value, own: &str, named: bool) {
        let scrub = |name: &str, inner: &mut Value| {
            let kept = inner.as_object_mut().and_then(|inner| inner.remove(own));
            if named {
                self.scrub_field(name, inner, 2);
            } else {
                self.scrub_value(inner, 2);
            }
            if let (Some(kept), Some(inner)) = (kept, inner.as_object_mut()) {
                inner.insert(own.to_owned(), kept);
            }
        };
        match value {
            Value::Object(fields) => {
                self.scrub_names(fields);
                fields
                    .iter_mut()
                    .for_each(|(name, inner)| scrub(name, inner));
            }
            Value::Array(values) => values.iter_mut().for_each(|inner| scrub("", inner)),
            _ => {}
        }
    }

    fn scrub_each(&self, value: &mut Value, depth: usize) {
        for value in value.as_array_mut().into_iter().flatten() {
            self.scrub_value(value, depth + 1);
        }
    }

    fn scrub_value(&self, value: &mut Value, depth: usize) {
        match value {
            Value::String(text) => self.scrub_text(text, depth),
            Value::Array(_) | Value::Object(_) if depth >= MAX_DEPTH => *value = FILTERED.into(),
            Value::Array(values) => {
                let named = pairs::named_values(values, &self.keys);
                for (value, named) in values.iter_mut().zip(named) {
                    if named {
                        self.filter(value, depth + 1);
                    } else {
                        self.scrub_value(value, depth + 1);
                    }
                }
                self.scrub_arguments(values);
            }
            Value::Object(fields) => self.scrub_fields(fields, depth + 1),
            Value::Number(number) => {
                if digits(number).is_some_and(|digits| self.changed(&digits).is_some()) {
                    *value = FILTERED.into();
                }
            }
            Value::Null | Value::Bool(_) => {}
        }
    }

    fn scrub_text(&self, text: &mut String, depth: usize) {
        if let Some(kept) = self.document(text, depth).or_else(|| self.statement(text)) {
            *text = kept;
        }
        if let Some(kept) = self.changed(text) {
            *text = kept;
        }
    }

    /// The text without secrets, if it has any.
    fn changed(&self, text: &str) -> Option<String> {
        match self.text(text) {
            Cow::Owned(kept) => Some(kept),
            Cow::Borrowed(_) => None,
        }
    }

    /// The text without secrets if it is JSON, and has any.
    fn document(&self, text: &str, depth: usize) -> Option<String> {
        if depth >= MAX_DEPTH || !text.trim_start().starts_with(['{', '[', '"']) {
            return None;
        }
        let document: Value = serde_json::from_str(text).ok()?;
        let mut kept = document.clone();
        self.scrub_value(&mut kept, depth + 1);
        (kept != document).then(|| kept.to_string())
    }

    /// The text without its literals if it is SQL that names a secret: a literal need not stand beside its column.
    fn statement(&self, text: &str) -> Option<String> {
        let mut words = text.split(|one: char| !one.is_alphanumeric() && one != '_');
        let first = words.next()?.to_ascii_lowercase();
        let verbs = [
            "select", "insert", "update", "delete", "replace", "merge", "with", "alter", "create",
        ];
        if !verbs.contains(&first.as_str()) || !words.any(|word| names::is_secret(word, &self.keys))
        {
            return None;
        }
        // Every second part is a literal. Two quotes within a literal make it two.
        let parts = text.split('\'').enumerate();
        let kept = parts.map(|(at, part)| if at % 2 == 1 { FILTERED } else { part });
        let kept = kept.collect::<Vec<_>>().join("'");
        (kept != text).then_some(kept)
    }

    fn scrub_fields(&self, fields: &mut Map<String, Value>, depth: usize) {
        self.scrub_names(fields);
        // A metric is a measurement and no pair: its value is a number, and stays one.
        let measured = fields.contains_key("trace_id") && is_number(fields.get("value"));
        let attribute = pairs::is_attribute(fields) && is_number(fields.get("value"));
        let secret = !measured && pairs::names_a_secret(fields, &self.keys);
        let beside = beside::secrets(fields);
        for (name, value) in fields.iter_mut() {
            match name.as_str() {
                "value" if measured => {}
                _ if beside.contains(name) => self.filter(value, depth),
                name if secret && pairs::is_value(name) => self.filter(value, depth),
                name => self.scrub_field(name, value, depth),
            }
        }
        if attribute && !is_number(fields.get("value")) {
            fields.insert("type".into(), "string".into());
        }
    }

    /// The name of a field can itself be a secret.
    fn scrub_names(&self, fields: &mut Map<String, Value>) {
        let renamed = fields
            .keys()
            .filter_map(|name| Some((name.clone(), self.changed(name)?)));
        for (name, kept) in renamed.collect::<Vec<_>>() {
            if let Some(value) = fields.remove(&name) {
                fields.insert(kept, value);
            }
        }
    }

    /// Scrubs the value of a field. The first arm that matches decides.
    pub(super) fn scrub_field(&self, name: &str, value: &mut Value, depth: usize) {
        match fields::kind(name) {
            Kind::Headers if !value.is_number() => self.scrub_headers(value, depth),
            // A name in it can itself be a secret.
            Kind::Query => match value.as_str().map(query) {
                Some(kept) => *value = self.text(&kept).into_owned().into(),
                None => self.filter(value, depth),
            },
            Kind::Header | Kind::Environment => self.filter(value, depth),
            Kind::IpAddress if self.keeps_address(value) => {}
            Kind::IpAddress => *value = Value::Null,
            Kind::SpanId if is_id(value, &[16]) => {}
            Kind::Id if is_id(value, &[32, 36]) => {}
            Kind::OwnNumber if value.is_number() => {}
            Kind::Request => {
                if let Some(body) = value.get_mut("data") {
                    self.filter(body, depth);
                }
                self.scrub_value(value, depth);
                if let Some(Value::String(url)) = value.get_mut("url") {
                    *url = with_host(url);
                }
            }
            _ if pairs::is_secret(name, value, &self.keys) => self.filter(value, depth),
            Kind::Code => self.scrub_value(value, depth),
            Kind::Url => self.scrub_urls(value, depth),
            _ => self.scrub_value(value, depth),
        }
    }

    /// Scrubs a URL, a list of URLs or an attribute that is one. What is not a text is scrubbed as any other value.
    fn scrub_urls(&self, value: &mut Value, depth: usize) {
        match value {
            Value::String(url) => {
                let kept = self.document(url, depth).or_else(|| without_query(url));
                let kept = self.changed(kept.as_deref().unwrap_or(url)).or(kept);
                if let Some(kept) = kept {
                    *url = kept;
                }
            }
            Value::Array(values) if depth < MAX_DEPTH => {
                for value in values {
                    self.scrub_urls(value, depth + 1);
                }
            }
            Value::Object(fields) if pairs::is_attribute(fields) => {
                if let Some(value) = fields.get_mut("value").filter(|value| value.is_string()) {
                    self.scrub_urls(value, depth + 1);
                }
            }
            other => self.scrub_value(other, depth),
        }
    }

    fn scrub_headers(&self, headers: &mut Value, depth: usize) {
        match headers {
            Value::Object(headers) => {
                for (name, value) in headers.iter_mut() {
                    if is_safe_header(name) {
                        self.scrub_value(value, depth);
                    } else {
                        self.filter(value, depth);
                    }
                }
            }
            other => self.filter(other, depth),
        }
    }

    /// Filters every text and number, and keeps the shape.
    fn filter(&self, value: &mut Value, depth: usize) {
        match value {
            _ if depth >= MAX_DEPTH => *value = FILTERED.into(),
            Value::Null | Value::Bool(_) => {}
            Value::String(_) | Value::Number(_) => *value = FILTERED.into(),
            Value::Array(values) => values
                .iter_mut()
                .for_each(|value| self.filter(value, depth + 1)),
            Value::Object(fields) => {
                self.scrub_names(fields);
                // An attribute of a log is a value and its type. Both change.
                let attribute = pairs::is_attribute(fields);
                for (name, value) in fields.iter_mut() {
                    match name.as_str() {
                        "ip_address" => *value = Value::Null,
                        "type" if attribute => *value = "string".into(),
                        "value" if attribute => *value = FILTERED.into(),
                        _ => self.filter(value, depth + 1),
                    }
                }
            }
        }
    }
}

fn is_number(value: Option<&Value>) -> bool {
    value.is_some_and(Value::is_number)
}

/// Whether the value is an id of one of the lengths: hexadecimal digits and hyphens.
fn is_id(value: &Value, lengths: &[usize]) -> bool {
    let digit = |byte: u8| byte.is_ascii_hexdigit() || byte == b'-';
    let text = value.get("value").unwrap_or(value).as_str();
    text.is_some_and(|text| lengths.contains(&text.len()) && text.bytes().all(digit))
}

/// The digits of a whole number that is long enough for a card number.
fn digits(number: &Number) -> Option<String> {
    if let Some(whole) = number.as_u64() {
        return (whole >= SMALLEST_CARD).then(|| whole.to_string());
    }
    // JSON writes a larger number, and one that was a float, with an exponent or a fraction.
    let float = number.as_f64().filter(|float| float.fract() == 0.0)?;
    (1e12..1e19).contains(&float).then(|| format!("{float:.0}"))
}

/// Takes the tag that says who deployed out of the event of a deployment, so that it is not scrubbed. It is often an e-mail
/// address, and the operator gave it to be shown.
fn take_operator(item: &mut Value) -> Option<Value> {
    let is_deployment =
        item["fingerprint"][0] == "tower-vitals" && item["fingerprint"][1] == "deployment";
    let tags = item.get_mut("tags").filter(|_| is_deployment)?;
    tags.as_object_mut()?.remove(DEPLOYED_BY)
}

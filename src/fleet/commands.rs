//! Commands that several hashes share, and the form of their answers.

use redis::{Pipeline, Value};

use super::{
    ask::Ask,
    form::{self, EPOCH, Field, VERSION},
    link_error::{LinkError, LinkErrorKind},
};

/// The most hashes that are read at a time, so that each answer comes in time.
const AT_A_TIME: usize = 100;

pub(super) fn fields_of(chunks: &[(u32, Vec<u8>)]) -> impl Iterator<Item = Field> {
    let fields = chunks.iter();
    fields.map(|(chunk, value)| (form::field(*chunk), value.clone()))
}

/// Sets the fields of a hash, and its mark if that is all of them.
pub(super) fn hset(
    pipeline: &mut Pipeline,
    hash: &str,
    is_whole: bool,
    fields: impl Iterator<Item = Field>,
) {
    let mark = is_whole.then(|| (EPOCH.into(), VERSION.into()));
    let mut fields = fields.chain(mark).peekable();
    if fields.peek().is_none() {
        return;
    }
    pipeline.cmd("HSET").arg(hash);
    for (field, value) in fields {
        pipeline.arg(field).arg(value);
    }
    pipeline.ignore();
}

pub(super) fn expire(pipeline: &mut Pipeline, key: &str, millis: u64) {
    pipeline.cmd("PEXPIRE").arg(key).arg(millis).ignore();
}

/// The clock of Redis, in milliseconds since 1970.
pub(super) fn time(answer: &Value) -> Option<u64> {
    let Value::Array(parts) = answer else {
        return None;
    };
    let mut parts = parts.iter().map(|part| text(part)?.parse::<u64>().ok());
    let (seconds, micros) = (parts.next()??, parts.next()??);
    seconds.checked_mul(1_000)?.checked_add(micros / 1_000)
}

pub(super) fn text(value: &Value) -> Option<String> {
    match value {
        Value::BulkString(bytes) => String::from_utf8(bytes.clone()).ok(),
        Value::Int(number) => Some(number.to_string()),
        _ => None,
    }
}

/// The fields of hashes. One that is not there has none.
///
/// # Errors
///
/// If there is no answer in time.
pub(super) fn hashes(asks: &mut dyn Ask, keys: Vec<String>) -> Result<Vec<Vec<Field>>, LinkError> {
    let mut hashes = Vec::with_capacity(keys.len());
    for keys in keys.chunks(AT_A_TIME) {
        let mut pipeline = Pipeline::new();
        for key in keys {
            pipeline.cmd("HGETALL").arg(key);
        }
        let answers = asks.values(&pipeline)?;
        hashes.extend(answers.iter().map(fields));
    }
    Ok(hashes)
}

/// Pairs of an answer: fields with values, or members with scores.
pub(super) fn fields(answer: &Value) -> Vec<Field> {
    let bytes = |value: &Value| match value {
        Value::BulkString(bytes) => Some(bytes.clone()),
        Value::SimpleString(text) => Some(text.clone().into_bytes()),
        _ => None,
    };
    let Value::Array(values) = answer else {
        return Vec::new();
    };
    let pairs = values.chunks_exact(2);
    let pair = |pair: &[Value]| Some((bytes(pair.first()?)?, bytes(pair.last()?)?));
    pairs.filter_map(pair).collect()
}

pub(super) fn another_form() -> LinkError {
    LinkError::new(LinkErrorKind::Refused, "the answer has another form")
}

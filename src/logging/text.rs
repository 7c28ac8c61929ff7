//! Writes each event as one line of text, as `tracing-subscriber` lays it out.

mod request;

use std::fmt::{self, Write};

use tracing::Level;
use tracing_subscriber::registry::{LookupSpan, Scope, SpanRef};

use super::{
    fields::{SpanFields, Value},
    memory,
    record::Record,
    shape::OWN,
};
use crate::{text::is_obeyed, timestamp::rfc3339};

/// The target of what this crate logs.
const OURS: &str = "tower_vitals";

const BOLD: u8 = 1;
const DIM: u8 = 2;
const ITALIC: u8 = 3;

/// One line while it is written.
struct Line {
    text: String,
    colour: bool,
}

/// Escapes what a terminal obeys, and what begins a new line.
struct Escaped<'a>(&'a mut String);

/// The line of an event, and of the spans around it.
pub(super) fn line<'s, S>(record: &Record<'_>, spans: Option<Scope<'s, S>>, colour: bool) -> Vec<u8>
where
    S: LookupSpan<'s>,
{
    let mut line = Line {
        // Bytes that are not there are a valid text.
        text: String::from_utf8(memory::empty_line()).unwrap_or_default(),
        colour,
    };
    line.painted(DIM, format_args!("{}", rfc3339::now()));
    line.level(*record.metadata.level());
    let spans: Vec<_> = spans.map_or_else(Vec::new, |spans| spans.from_root().collect());
    let is_request = request::is_request(record);
    // The line of a request says itself what its span says.
    let shown = |span: &&SpanRef<'s, S>| !(is_request && span.metadata().target() == OURS);
    let mut shown = spans.iter().filter(shown).peekable();
    let any = shown.peek().is_some();
    shown.for_each(|span| line.span(span));
    if any {
        line.text.push(' ');
    }
    line.painted(DIM, format_args!("{}:", record.metadata.target()));
    if is_request {
        line.request(record);
        line.text.push('\n');
        return line.text.into_bytes();
    }
    let recorded = record.fields(|field, value| {
        line.text.push(' ');
        line.field(field.name, value);
    });
    // The service is the same on all lines of a process, and a person reads those of one.
    let own = OWN.into_iter().zip(record.own(&recorded));
    for (name, value) in own.filter(|(name, _)| *name != "service") {
        if let Some(value) = value.filter(|value| !say(&spans, name, value)) {
            line.text.push(' ');
            line.field(name, Value::Text(value));
        }
    }
    line.text.push('\n');
    line.text.into_bytes()
}

/// Whether one of the spans has this field with this value.
fn say<'s, S>(spans: &[SpanRef<'s, S>], name: &str, value: &str) -> bool
where
    S: LookupSpan<'s>,
{
    spans.iter().any(|span| {
        let extensions = span.extensions();
        let fields = extensions.get::<SpanFields>();
        let mut fields = fields.into_iter().flat_map(SpanFields::iter);
        fields.any(|(own, said)| own == name && said.is(value))
    })
}

// === impl Line ===

impl Line {
    fn level(&mut self, level: Level) {
        let colour = match level {
            Level::ERROR => 31,
            Level::WARN => 33,
            Level::INFO => 32,
            Level::DEBUG => 34,
            Level::TRACE => 35,
        };
        self.text.push(' ');
        self.painted(colour, format_args!("{level:>5}"));
        self.text.push(' ');
    }

    fn span<'s, S: LookupSpan<'s>>(&mut self, span: &SpanRef<'s, S>) {
        self.painted(BOLD, format_args!("{}", span.name()));
        let extensions = span.extensions();
        let fields = extensions.get::<SpanFields>();
        let mut fields = fields.into_iter().flat_map(SpanFields::iter).peekable();
        if fields.peek().is_some() {
            self.painted(BOLD, format_args!("{{"));
            let mut first = true;
            for (name, value) in fields {
                if !first {
                    self.text.push(' ');
                }
                first = false;
                self.field(name, value);
            }
            self.painted(BOLD, format_args!("}}"));
        }
        self.painted(DIM, format_args!(":"));
    }

    /// Adds a field, or the text of a message. Adds neither if the value cannot be written.
    fn field(&mut self, name: &str, value: Value<'_>) {
        match value {
            Value::Bool(value) => self.entry(name, format_args!("{value}")),
            Value::F64(value) => self.entry(name, format_args!("{value:?}")),
            Value::I64(value) => self.entry(name, format_args!("{value}")),
            Value::U64(value) => self.entry(name, format_args!("{value}")),
            Value::Text(value) if name == "message" => self.entry(name, format_args!("{value}")),
            Value::Text(value) => self.entry(name, format_args!("{value:?}")),
            Value::Debug(value) => self.entry(name, format_args!("{value:?}")),
            Value::Error(value, causes) => {
                self.entry(name, format_args!("{value:?}"));
                if !causes.is_empty() {
                    self.text.push(' ');
                    self.entry(&format!("{name}.sources"), format_args!("{causes:?}"));
                }
            }
        }
    }

    fn entry(&mut self, name: &str, value: fmt::Arguments<'_>) {
        let before = self.text.len();
        if name != "message" {
            self.painted(ITALIC, format_args!("{name}"));
            self.painted(DIM, format_args!("="));
        }
        if write!(Escaped(&mut self.text), "{value}").is_err() {
            self.text.truncate(before);
        }
    }

    /// Adds words. What a client wrote in them commands no terminal.
    fn words(&mut self, words: fmt::Arguments<'_>) {
        // Nothing that is written here fails.
        let _ = Escaped(&mut self.text).write_fmt(words);
    }

    fn painted(&mut self, style: u8, what: fmt::Arguments<'_>) {
        // Nothing that is written here fails, and a string takes everything. A target can be a text of the application.
        let codes = self.colour;
        if codes {
            let _ = write!(self.text, "\u{1b}[{style}m");
        }
        let _ = Escaped(&mut self.text).write_fmt(what);
        if codes {
            self.text.push_str("\u{1b}[0m");
        }
    }
}

// === impl Escaped ===

impl Write for Escaped<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut rest = text;
        while let Some(at) = rest.find(is_obeyed) {
            let (plain, after) = rest.split_at(at);
            self.0.push_str(plain);
            let mut characters = after.chars();
            self.0
                .extend(characters.by_ref().take(1).flat_map(char::escape_default));
            rest = characters.as_str();
        }
        self.0.push_str(rest);
        Ok(())
    }
}

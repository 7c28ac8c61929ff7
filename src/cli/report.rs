//! Reads the answer of a service, judges it, and writes it for a terminal.

use serde_json::Value;

use crate::text::{is_printable, printable};

/// The most checks that are shown.
const MOST_SHOWN: usize = 100;

/// The most bytes of a name, a word and a reason that are shown.
const LONGEST_WORD: usize = 200;
const LONGEST_REASON: usize = 1_000;

/// The answer of a service. Nothing in it can be trusted.
pub(super) struct Report {
    status: String,
    checks: Vec<CheckLine>,
    body: Value,
}

/// What an answer says of one check.
struct CheckLine {
    name: String,
    label: String,
    /// In milliseconds. Only in an answer with details, as the following ones.
    latency: Option<f64>,
    age: Option<f64>,
    reason: Option<String>,
}

/// How a thing is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mark {
    Well,
    Degraded,
    Bad,
}

/// What of a report is shown, and how.
#[derive(Clone, Copy)]
pub(super) struct Shown<'a> {
    /// The names of the chosen checks. All if none was chosen.
    pub(super) chosen: &'a [String],
    pub(super) verbose: bool,
    pub(super) colour: bool,
}

// === impl Report ===

impl Report {
    /// Reads an answer in JSON. All names in `chosen` must be there.
    pub(super) fn read(code: u16, body: &[u8], chosen: &[String]) -> Result<Self, String> {
        let body: Value = serde_json::from_slice(body).map_err(|_| match code {
            300..400 => format!("HTTP {code}: redirects are not followed"),
            _ => format!("HTTP {code}, and no JSON: is this the health's address?"),
        })?;
        let status = body["status"].as_str().ok_or("the answer has no status")?;
        let checks = body["checks"].as_object().into_iter().flatten();
        let report = Self {
            status: status.to_owned(),
            checks: checks.map(CheckLine::read).collect(),
            body,
        };
        let known = |name: &String| report.checks.iter().any(|check| check.name == *name);
        if let Some(unknown) = chosen.iter().find(|name| !known(name)) {
            let names = report.checks.iter().take(MOST_SHOWN);
            let names: Vec<_> = names.map(|check| check.name.as_str()).collect();
            let names = names.join(", ");
            return Err(format!("no check \"{unknown}\"; there are: {names}"));
        }
        Ok(report)
    }

    /// The exit code: 0 if it is well, 1 if not. What is degraded is well unless `strict`.
    pub(super) fn judge(&self, chosen: &[String], strict: bool) -> u8 {
        let code = |mark| match mark {
            Mark::Well => 0,
            Mark::Degraded => u8::from(strict),
            Mark::Bad => 1,
        };
        if chosen.is_empty() {
            return code(self.mark());
        }
        let each = self.chosen(chosen).map(|check| code(check.mark()));
        each.max().unwrap_or(0)
    }

    /// The answer as JSON, with escapes for what a terminal would obey.
    pub(super) fn json(&self) -> String {
        plain_json(&self.body.to_string())
    }

    /// One line for each check, and one for the service.
    pub(super) fn text(&self, shown: Shown<'_>) -> String {
        let mut text = String::new();
        let mut checks = self.chosen(shown.chosen);
        for check in checks.by_ref().take(MOST_SHOWN) {
            text.push_str(&check.line(shown));
        }
        let (mut more, mut bad) = (0, 0);
        for check in checks {
            more += 1;
            bad += usize::from(check.mark() == Mark::Bad);
        }
        if more > 0 {
            text.push_str(&format!("and {more} more, {bad} of them not well\n"));
        }
        if shown.chosen.is_empty() {
            let status = printable(&self.status, LONGEST_WORD);
            text.push_str(&format!("{} {status}\n", self.mark().sign(shown.colour)));
        }
        let bare = self.checks.iter().all(|check| check.latency.is_none());
        if shown.verbose && bare && !self.checks.is_empty() {
            text.push_str("no details: the service shows them to a reader with its token\n");
        }
        text
    }

    fn chosen(&self, chosen: &[String]) -> impl Iterator<Item = &CheckLine> {
        let all = chosen.is_empty();
        let checks = self.checks.iter();
        checks.filter(move |check| all || chosen.contains(&check.name))
    }

    fn mark(&self) -> Mark {
        match self.status.to_ascii_lowercase().as_str() {
            "healthy" | "ok" | "pass" => Mark::Well,
            "degraded" | "warn" => Mark::Degraded,
            _ => Mark::Bad,
        }
    }
}

// === impl CheckLine ===

impl CheckLine {
    /// The value is a label, an object with details, or an array of such objects.
    fn read((name, value): (&String, &Value)) -> Self {
        // `application/health+json` has an array, with the last measurement first.
        let value = value.get(0).unwrap_or(value);
        let label = value.as_str().or_else(|| value["status"].as_str());
        Self {
            name: name.clone(),
            label: label.unwrap_or("unknown").to_owned(),
            latency: value["latency_ms"].as_f64(),
            age: value["age_ms"].as_f64(),
            reason: value["error"].as_str().map(str::to_owned),
        }
    }

    /// A service chooses its healthy labels, but those for a failure are known.
    fn mark(&self) -> Mark {
        match self.label.to_ascii_lowercase().as_str() {
            "degraded" | "warn" => Mark::Degraded,
            "unavailable" | "unknown" | "unhealthy" | "fail" | "failed" | "down" => Mark::Bad,
            label if label.starts_with("error") => Mark::Bad,
            _ => Mark::Well,
        }
    }

    fn line(&self, shown: Shown<'_>) -> String {
        let sign = self.mark().sign(shown.colour);
        let name = printable(&self.name, LONGEST_WORD);
        let label = printable(&self.label, LONGEST_WORD);
        let mut line = format!("{sign} {name} {label}");
        if shown.verbose {
            let latency = self.latency.and_then(time);
            let age = self.age.and_then(time);
            let took = latency.map(|latency| format!("took {latency}"));
            let ago = age.map(|age| format!("{age} ago"));
            let times: Vec<_> = took.into_iter().chain(ago).collect();
            if !times.is_empty() {
                line.push_str(&format!(" ({})", times.join(", ")));
            }
            if let Some(reason) = &self.reason {
                line.push_str(&format!(": {}", printable(reason, LONGEST_REASON)));
            }
        }
        line.push('\n');
        line
    }
}

// === impl Mark ===

impl Mark {
    fn sign(self, colour: bool) -> String {
        let (sign, code) = match self {
            Self::Well => ("✓", 32),
            Self::Degraded => ("!", 33),
            Self::Bad => ("✗", 31),
        };
        match colour {
            true => format!("\x1b[{code}m{sign}\x1b[0m"),
            false => sign.into(),
        }
    }
}

/// Milliseconds for people. `None` if they are no time.
fn time(millis: f64) -> Option<String> {
    match millis {
        0.0..1e3 => Some(format!("{millis:.1} ms")),
        1e3..1e12 => Some(format!("{:.1} s", millis / 1e3)),
        _ => None,
    }
}

/// JSON whose strings escape all that [`printable`] would escape. It means the same.
pub(super) fn plain_json(json: &str) -> String {
    let mut kept = String::new();
    for character in json.chars() {
        if is_printable(character) {
            kept.push(character);
        } else {
            let mut units = [0; 2];
            for unit in character.encode_utf16(&mut units) {
                kept.push_str(&format!("\\u{unit:04x}"));
            }
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const PLAIN: Shown<'_> = Shown {
        chosen: &[],
        verbose: true,
        colour: false,
    };

    fn read(body: &Value) -> Report {
        Report::read(200, body.to_string().as_bytes(), &[]).unwrap()
    }

    #[test]
    fn verbose_shows_latency_age_and_reason() {
        let report = read(&json!({ "status": "unhealthy", "checks": {
            "cache": { "status": "healthy", "latency_ms": 0.25, "age_ms": 61_000.0, "error": null },
            "database": { "status": "unhealthy", "latency_ms": 2_000.0, "age_ms": 12.0, "error": "refused" },
            "old": "connected",
        }}));
        assert_eq!(
            report.text(PLAIN),
            "✓ cache healthy (took 0.2 ms, 61.0 s ago)\n\
             ✗ database unhealthy (took 2.0 s, 12.0 ms ago): refused\n\
             ✓ old connected\n\
             ✗ unhealthy\n"
        );
        let brief = Shown {
            verbose: false,
            ..PLAIN
        };
        assert!(!report.text(brief).contains("refused"));
        let public = read(&json!({ "status": "ok", "checks": { "a": "connected" } }));
        let said =
            "✓ a connected\n✓ ok\nno details: the service shows them to a reader with its token\n";
        assert_eq!(public.text(PLAIN), said);
        assert_eq!(read(&json!({ "status": "ok" })).text(PLAIN), "✓ ok\n");
    }

    #[test]
    fn no_number_of_an_answer_is_too_large_to_show() {
        for number in [-1.0, 1e12, 1e308] {
            let checks =
                json!({ "a": { "status": "healthy", "latency_ms": number, "age_ms": number } });
            let text = read(&json!({ "status": "ok", "checks": checks })).text(PLAIN);
            assert_eq!(text, "✓ a healthy\n✓ ok\n");
        }
    }

    #[test]
    fn of_many_checks_a_hundred_are_shown() {
        let checks = (0..5_000).map(|n| {
            (
                format!("{n:04}"),
                if n < 4_000 { "up" } else { "fail" }.into(),
            )
        });
        let checks: serde_json::Map<String, Value> = checks.collect();
        let text = read(&json!({ "status": "fail", "checks": checks })).text(PLAIN);
        assert_eq!(text.lines().count(), 103);
        assert!(
            text.contains("\nand 4900 more, 1000 of them not well\n"),
            "{text}"
        );
        let absent = ["absent".to_owned()];
        let body = json!({ "status": "fail", "checks": checks }).to_string();
        let error = Report::read(200, body.as_bytes(), &absent).err().unwrap();
        assert!(error.len() < 1_000, "{error}");
    }

    #[test]
    fn printed_json_means_the_same_and_holds_nothing_that_a_terminal_obeys() {
        for _ in 0..1_000 {
            let length = fastrand::usize(..40);
            let any = || fastrand::char(..);
            let text: String = std::iter::repeat_with(any).take(length).collect();
            let value = Value::from(format!("{text}\u{202e}\u{9b}\u{1f600}\n"));
            let plain = plain_json(&value.to_string());
            let printable = |c: char| (' '..='~').contains(&c) || c.is_alphanumeric();
            assert!(plain.chars().all(printable), "{text:?}");
            assert_eq!(serde_json::from_str::<Value>(&plain).unwrap(), value);
        }
    }
}

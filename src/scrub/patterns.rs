//! Recognises secrets in a text by their form.

use std::{borrow::Cow, sync::LazyLock};

use regex::{Captures, Regex};

use super::{
    FILTERED,
    assigned::{Assigned, NAMES},
    beside::Beside,
    bound::Bound,
    calls::Calls,
    cards::without_cards,
    commands::Commands,
    cookies::Cookies,
    form_parts::FormParts,
    inserted::Inserted,
    judged::Judged,
    objects::Objects,
    options::{LONG, Options},
    path_tokens::PathTokens,
    prefixes::{COMMON, KEYS, any_of},
    replace::{all, each_value},
    said::Said,
    schemes::Schemes,
    statements::Statements,
    steps::{BLANK, Steps},
    tuples::Tuples,
    urls::{query, without_secrets},
    value,
};

/// How far the end of a row is looked for, in bytes.
const LONGEST_ROW: usize = 8_192;

/// From so many bytes on, what begins as a JSON web token is one also without a dot.
const LONGEST_WITHOUT_DOT: usize = 64;

/// A text in marks.
const QUOTED: &str = r#"(?:\\+"[^"]*"|"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`[^`]*`)"#;

/// What separates an option from a user and a password, with the end of the group before them, and both.
const CREDENTIALS: &str = r#"(?:=|\s+|\\*["'],?\s*|))(?:\\*"[^"\\]*:[^"\\]*\\*"|\\*'[^'\\]*:[^'\\]*\\*'|[^\s"'`:]+:[^\s"'`\\]+)"#;

/// The forms of secrets. Each `\b` is one of ASCII: with one of Unicode, a search is a hundred times slower in a text that is
/// not ASCII.
pub(super) struct Patterns {
    /// A private key, from its first line to its last, or to the end of the text.
    private_key: Regex,
    url: Regex,
    /// `HTTP_PROXY=bob:password@…`, without a scheme.
    authority: Regex,
    /// `user:password@tcp(…)`, as drivers of Go name a database.
    network: Regex,
    /// `curl -u user:password`. Other programs have an option `-u` that takes numbers.
    curl: Regex,
    /// `http -a user:password`. In one pattern with that of curl, a line with both would be read to its end for each match.
    httpie: Regex,
    /// `scott/password@`, as Oracle names a user.
    oracle: Regex,
    /// A path with a query, such as `/a?b=c`.
    relative: Regex,
    /// The query and the fragment of a URL as `Debug` prints its parts.
    parts: Regex,
    /// Keys and tokens that have a form of their own.
    formed: Regex,
    /// `mysql -p…`.
    calls: Calls,
    /// `Bearer …`.
    schemes: Schemes,
    /// `password=…`, `Authorization: …` and the like.
    assigned: Assigned,
    /// `id=…; Path=/`.
    cookies: Cookies,
    /// `/reset-password/…`.
    path_tokens: PathTokens,
    /// `code=…&state=…`.
    beside: Beside,
    /// `AUTH …`.
    commands: Commands,
    /// `--token …`.
    options: Options,
    /// `Basic("bob", "…")`.
    tuples: Tuples,
    /// `SET PASSWORD FOR bob = '…'`.
    statements: Statements,
    /// `name="password"` and the value some lines below.
    form_parts: FormParts,
    /// `INSERT INTO t (password) VALUES ('…')`.
    inserted: Inserted,
    /// `{"key": "token", "type": "text", "value": "…"}`.
    objects: Objects,
    /// `invalid token '…'`.
    judged: Judged,
    /// `password …`.
    said: Said,
    email: Regex,
    /// What an error shows before the name of its place: `string "…", expected u16 for key "password"`, `Duplicate entry '…' for key
    /// 'users.token'`.
    named_late: Regex,
    /// What an error of TOML shows once more below the line that it is about.
    below: Regex,
    /// The row that PostgreSQL shows if it breaks a constraint.
    row: Regex,
    /// `SELECT … WHERE token = $1 -- binds: ["…"]`.
    bound: Bound,
    /// IP addresses, dates, telephone and social security numbers, which only the preset for health data filters. Also UUIDs,
    /// which it keeps.
    personal: Regex,
}

pub(super) static PATTERNS: LazyLock<Patterns> = LazyLock::new(Patterns::new);

// === impl Patterns ===

impl Patterns {
    #[expect(
        clippy::expect_used,
        reason = "the patterns stand here, and a test compiles them"
    )]
    fn new() -> Self {
        let regex = |pattern: &str| Regex::new(pattern).expect("a pattern of ours");
        Self {
            private_key: regex(
                r"(?i)-----BEGIN[A-Z0-9 +]*PRIVATE[ +]KEY[A-Z +]*-----(?s:.*?)(?:-----END[A-Z0-9 +]*-----|$)",
            ),
            // Within JSON a slash can have a backslash. An apostrophe within a password ends nothing.
            url: regex(
                r#"(?i-u:\b[a-z][a-z0-9+.-]*):(?:\\*/){2}(?:[^\s/@"'<>`]*:(?:[^\s/@"'<>`]|'[^\s/@"'<>`,:;)\]}])*@)?[^\s"'<>`]+"#,
            ),
            authority: regex(
                r#"((?i-u:(?:authority|proxy)\\*["']?\s*[:=]\s*\\*["']?))[^\s"'/@:]+:[^\s"'/@]+(@)"#,
            ),
            network: regex(r#"[^\s"'`<>(){}=:]*:[^\s"'`<>]+(@(?:tcp[46]?|udp|unix)\()"#),
            curl: regex(&format!(
                r#"((?-u:\bcurl\b)[^\r\n]*?(?:\s|["'])(?:-[a-zA-Z]*[uU]|--(?:proxy-)?user){CREDENTIALS}"#
            )),
            httpie: regex(&format!(
                r"((?-u:\bhttps?)\s+(?:--?\S+\s+){{0,8}}(?:-a|--auth){CREDENTIALS}"
            )),
            oracle: regex(
                r"((?i-u:\bjdbc:oracle:\w+:|\b(?:sqlplus|sqlcl|expdp|impdp)\s(?:-\w+\s+)*))[^\s/@]+/[^\s@]+(@)",
            ),
            relative: regex(
                r#"(^|[\s"'`(\[{=,:>\\])(/[^\s"'<>`?#]*)\?([^\s"'<>`#]*=[^\s"'<>`#]*)(#[^\s"'<>`]*)?"#,
            ),
            parts: regex(
                r#"((?-u:\b)path: \\*"[^"]*",\s+query: )(None|Some\(\\*"(?:[^"\\]|\\.)*?\\*"\))(,\s+fragment: )(None|Some\(\\*"(?:[^"\\]|\\.)*?\\*"\))"#,
            ),
            formed: regex(&format!(
                r"(?P<before>^|[^A-Za-z0-9])(?:(?-u:{})|(?-u:(?P<common>{})))|(?i-u:\bdigest\s+\w+=)[^\r\n]*",
                any_of(KEYS),
                any_of(COMMON)
            )),
            calls: Calls::new(regex),
            schemes: Schemes::new(regex),
            assigned: Assigned::new(regex, NAMES),
            cookies: Cookies::new(regex),
            path_tokens: PathTokens::new(regex),
            beside: Beside::new(regex),
            commands: Commands::new(regex),
            options: Options::new(regex, LONG),
            tuples: Tuples::new(regex),
            statements: Statements::new(regex),
            form_parts: FormParts::new(regex),
            inserted: Inserted::new(regex),
            objects: Objects::new(regex),
            judged: Judged::new(regex),
            said: Said::new(regex),
            email: regex(
                r#"(?:[\w.%+-]+|"[^"\r\n]{1,64}")@[\w-]+(?:\.[\w-]+)*\.[A-Za-z]{2,}(?-u:\b)"#,
            ),
            named_late: regex(&format!(
                r#"((?-u:\b)(?:string|entry|value:?|integer|character|argument)\s+){QUOTED}([^"'`\r\n]{{0,80}}(?-u:\b)for\s+(?:(?:key|column|field)\s+)?\\*["'`][<\[]?{NAMES})"#
            )),
            below: regex(&format!(
                r#"(\|\s*\\*["']?{NAMES}\\*["']?\s*=[^\r\n]*\r?\n\s*\|\s*\^+\s*\r?\n[^"'`\r\n]*){QUOTED}"#
            )),
            row: regex(r"Failing row contains "),
            bound: Bound::new(regex),
            personal: regex(concat!(
                r"(?-u)(?P<uuid>\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b)|\b\d{1,3}(?:\.\d{1,3}){3}\b|\b(?:[0-9a-fA-F]{1,4}:){3,7}[0-9a-fA-F]{0,4}\b|\b\d{3}-\d{2}-\d{4}\b",
                r"|\b\d{4}-\d{2}-\d{2}\b|\b\d{1,2}[./]\d{1,2}[./]\d{2,4}\b|\+?\b\d[\d ().-]{6,}\d\b",
            )),
        }
    }

    /// The text without secrets, and with `personal` also without data about a person. What has a name with one of the `keys` is no
    /// count.
    pub(super) fn filter<'t>(
        &self,
        text: &'t str,
        keys: &[String],
        personal: bool,
    ) -> Cow<'t, str> {
        let mut kept = Steps::new(text);
        kept.with(b"-", |text| all(&self.private_key, text, FILTERED));
        kept.with(b":=", |text| self.assigned.without_lines(text));
        kept.with(b":", |text| {
            all(&self.url, text, |url: &Captures<'_>| {
                without_secrets(&url[0])
            })
        });
        kept.with(b"@", |text| {
            all(&self.authority, text, "${1}[Filtered]${2}")
        });
        kept.with(b"@", |text| all(&self.network, text, "[Filtered]${1}"));
        kept.with(b":", |text| all(&self.curl, text, "${1}[Filtered]"));
        kept.with(b":", |text| all(&self.httpie, text, "${1}[Filtered]"));
        kept.with(b"@", |text| all(&self.oracle, text, "${1}[Filtered]${2}"));
        kept.with(b"?", |text| all(&self.relative, text, relative));
        kept.with(b"\"", |text| all(&self.parts, text, parts));
        kept.always(|text| all(&self.formed, text, formed));
        kept.with(b" \t\n\r\x0b\x0c\"',", |text| self.calls.without(text));
        kept.with(b" \t\n\r\x0b\x0c\xc2\xe1\xe2\xe3=", |text| {
            self.schemes.without(text)
        });
        kept.with(b"(", |text| self.inserted.without(text, keys));
        kept.with(b"=", |text| self.form_parts.without(text));
        kept.with(b"(", |text| self.statements.without(text, keys));
        kept.with(BLANK, |text| self.statements.without_clauses(text));
        kept.with(b"(", |text| self.statements.without_calls(text));
        kept.with(b"(", |text| self.tuples.without(text));
        kept.with(b"({", |text| self.tuples.without_codes(text));
        kept.with(b"-", |text| self.options.without(text, keys));
        kept.with(b";", |text| self.cookies.without(text));
        kept.with(b"/", |text| self.path_tokens.without(text));
        kept.with(b":=", |text| self.beside.without_codes(text));
        kept.with(b"=", |text| self.beside.without_signatures(text));
        kept.with_word("kty", |text| self.beside.without_keys(text));
        kept.with(b" \t", |text| self.commands.without(text));
        kept.with(b":=({<'\"!", |text| self.assigned.without_named(text, keys));
        kept.with(BLANK, |text| self.said.without(text));
        kept.with(b"\"'`", |text| self.judged.without(text));
        kept.with(b"\"'`", |text| self.judged.without_shown(text));
        kept.with(b"\"'`", |text| self.judged.without_named(text));
        kept.with(b"(", |text| self.assigned.without_indexed(text));
        kept.with(b"([{=", |text| self.assigned.without_pairs(text, keys));
        kept.with(b":=", |text| self.assigned.without_reversed_pairs(text));
        kept.with(b":=", |text| self.objects.without(text, keys));
        kept.with(b"<", |text| self.assigned.without_elements(text));
        kept.with_word("for", |text| {
            all(&self.named_late, text, "${1}[Filtered]${2}")
        });
        kept.with(b"^", |text| all(&self.below, text, "${1}[Filtered]"));
        kept.with(b"(", |text| self.without_rows(text));
        kept.with(b":=", |text| self.bound.without(text, keys));
        kept.with(b"@", |text| all(&self.email, text, email));
        kept.with(b"23456", without_cards);
        if personal {
            let unless_id = |found: &Captures<'_>| match found.name("uuid") {
                Some(uuid) => uuid.as_str().to_owned(),
                None => FILTERED.to_owned(),
            };
            kept.always(|text| all(&self.personal, text, unless_id));
        }
        kept.kept()
    }

    /// The text without the rows that PostgreSQL shows. A row ends with `).`, and so can a value in it: the row goes on, unless the
    /// text or the line ends there.
    fn without_rows<'t>(&self, text: &'t str) -> Cow<'t, str> {
        each_value(&self.row, text, |found| {
            let start = found.end();
            // To look for the end of what is filtered would read the line once for each row in it.
            if text[start..].starts_with(FILTERED) {
                return None;
            }
            let rest = &text.as_bytes()[start..];
            let near = &rest[..rest.len().min(LONGEST_ROW)];
            let ends = |at: &usize| {
                near[*at..].starts_with(b").")
                    && rest
                        .get(at + 2)
                        .is_none_or(|next| b"\"\\\r\n".contains(next))
            };
            let end = (0..near.len()).find(ends).map_or_else(
                || value::run(rest, 0, |byte| !b"\r\n".contains(&byte)),
                |end| end + 2,
            );
            Some(start..start + end)
        })
    }
}

/// Filters an e-mail address, and leaves a unit of systemd and the user of a repository: `user@1000.service`, `git@github.com`.
fn email(found: &Captures<'_>) -> String {
    const UNITS: [&str; 6] = [
        ".service", ".socket", ".timer", ".slice", ".scope", ".mount",
    ];
    let address = &found[0];
    match address.starts_with("git@") || UNITS.iter().any(|unit| address.ends_with(unit)) {
        true => address.to_owned(),
        false => FILTERED.to_owned(),
    }
}

/// Filters the values of the query of a path, and its fragment.
fn relative(found: &Captures<'_>) -> String {
    let values = found[3].trim_end_matches('\\');
    // The backslashes of a mark that closes a text around the path.
    let slashes = &found[3][values.len()..];
    let fragment = found.get(4).map_or("", |_| "#[Filtered]");
    format!(
        "{}{}?{}{slashes}{fragment}",
        &found[1],
        &found[2],
        query(values)
    )
}

/// Filters the query and the fragment of a URL, if it has them.
fn parts(found: &Captures<'_>) -> String {
    let part = |at: usize| {
        if &found[at] == "None" {
            "None"
        } else {
            FILTERED
        }
    };
    format!("{}{}{}{}", &found[1], part(2), &found[3], part(4))
}

/// Filters a key, and leaves the character before it. An ordinary name can begin as some keys do.
fn formed(found: &Captures<'_>) -> String {
    let coded = |byte: u8| byte.is_ascii_digit() || byte.is_ascii_uppercase();
    if found
        .name("common")
        .is_some_and(|key| !key.as_str().bytes().any(coded))
    {
        return found[0].to_owned();
    }
    // The pattern goes on without a dot, so that nothing is read twice. Short ones are none.
    let has_no_dot = |key: &str| !key.contains('.') && key.len() < LONGEST_WITHOUT_DOT;
    if found
        .name("jwt")
        .is_some_and(|key| has_no_dot(key.as_str()))
    {
        return found[0].to_owned();
    }
    format!(
        "{}{FILTERED}",
        found.name("before").map_or("", |before| before.as_str())
    )
}

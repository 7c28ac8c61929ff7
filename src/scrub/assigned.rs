//! Finds values that stand after the name of a secret: `password=…`, `Authorization: …`, `("token", "…")`, `<secret>…`.

use std::{borrow::Cow, ops::Range};

use regex::{Match, Regex};

use super::{
    FILTERED, counts, names,
    no_value::{Place, is_no_value, refused},
    options::is_option,
    pairs,
    replace::{all, each_value},
    sentence::{is_word_alone, trimmed},
    value::{self, Quote},
};

/// Names of secrets in a text, with what may stand around the word.
pub(super) const NAMES: &str = concat!(
    r"(?i-u:[\w.-]*(?:passw(?:or)?d|passwort|kennwort|(?:pass|seed|recovery)[ _-]?phrase|mnemonic|zeroizing|passkey|senha|contrase(?:n|ñ)a|mot[ _]?de[ _]?passe|wachtwoord|salasana|l(?:o|ö)senord|hasło|(?:п|П)ароль|密码|密碼|パスワード|비밀번호|passcode|pgpass|pwd|secret|token|api[ _-]?key|credentials?",
    r"|sess(?:ion)?[_-]?id|oauth_verifier|client_?assertion|saml|jwt|iban|credit[ _-]?card|card[ _-]?number|signature|authorization|cookie",
    r"|code_?verifier|(?:auth|device|mfa|totp|otp|pin|recovery|backup|verification|security|login|sms|one[_-]?time|two[_-]?factor)[_-]?codes?|(?:pass|pw)[_-]?hash|(?:basic_?|master)auth",
    r"|(?:access|account|aes|app|application|auth|client|consumer|encryption|decryption|hmac|license|master|private|secret|session|shared|signing|ssh|storage|subscription|webhook)[ _-]?key)[\w-]*",
    r"|(?:\b|_)(?:auth|session|bearer|pass|pat|pw|pin|otp|totp|psk|cvv2?|cvc2?|ssn|csrf|xsrf|sid|creds?)(?:[_-]?\d{1,2})?|[a-z](?-i:Auth|Session|Bearer|Pass|Pat|Pw|Pin|Psk|Otp|Totp|Cvv2?|Cvc2?|Csrf|Xsrf|Creds?)(?:[_-]?\d{1,2})?)",
);

/// Names that can be those of secrets and of other things, which [`names::is_secret`] tells apart: `routing_key`, `rootpass`.
const POSSIBLE: &str =
    r"(?i-u:[\w.-]*(?:[_-]key|[a-z0-9](?-i:Key)|[a-z0-9]{2}pass|[a-z0-9]{2}pw)(?:[_-]?\d{1,2})?)";

/// Names whose value stands after a blank if it has quotation marks: `wrong password "…"`, and `IDENTIFIED BY '…'` of SQL.
const SAID: &str = r"(?i-u:\b(?:passw(?:or)?d|pass[ _-]?phrase|mnemonic|(?:seed|recovery) phrase|identified\s+by)(?:\s+(?:for|of)\s+[\w.@-]+:?)?(?:\s+(?:is|was|of))?)";

/// What a type of one field has around its value: `Token("…")`, `Token(Some(b"…"))`, `Token([115, 101, …])`, `Token(6f1c7810-…)`,
/// `Token { value: "…" }`.
/// `Debug` with `#` begins a line after each bracket.
const NEWTYPE: &str = r#"(?:\(|\s?\{\s*(?:\w*value|inner|raw|text|bytes|data|0):)(?:\s*(?:Some|Ok|Secret|Box|Cow|Owned|Borrowed|String|Str|Text)\()*\s*(?:b?\\*["']|\[\s*\d|[0-9a-fA-F]{8}[0-9a-fA-F-]{8})"#;

/// How SQL compares with something other than a mark of equality: `token IN ('…')`.
const COMPARED: &str =
    r#"(?:\\*["'`])?\]?(?:\s+(?i-u:not\s+)?(?i-u:in\s*\(|i?like\s)|\s*(?:!=|<>))\s*[EN]?'"#;

/// The longest name of a scheme of authorization, in bytes.
const LONGEST_SCHEME: usize = 16;

/// The longest argument in marks, in bytes.
const LONGEST_ARGUMENT: usize = 512;

/// The ways in which a name and a value stand together.
pub(super) struct Assigned {
    /// `Authorization: …` and `Cookie: …`, of which the value has spaces.
    line: Regex,
    /// `password=…`, and the same in any language.
    named: Regex,
    /// `("password", "…")`, `<input type="password" value="…">`.
    pair: Regex,
    /// `{"value": "…", "name": "password"}`.
    reversed: Regex,
    /// `(token)=(…)`, as PostgreSQL prints the key of an index.
    index: Regex,
    /// `<password>…</password>`, `<name>password</name><value>…</value>`.
    element: Regex,
}

// === impl Assigned ===

impl Assigned {
    /// For `names` such as [`NAMES`].
    pub(super) fn new(regex: impl Fn(&str) -> Regex, names: &str) -> Self {
        // Between name and value: quotation marks, also escaped ones of JSON inside JSON, and a separator.
        // None has groups: to find the ends of groups takes most of the time of a search.
        let after = r#"(?:\\*["'`]\)*)?\]?(?i-u:\s(?:provided|given|supplied|received|used|value))?\s*(?:=>|:=|::+|[:=]{1,3})"#;
        let named = format!(
            r#"{names}(?:{after}|{NEWTYPE}|{COMPARED})|{POSSIBLE}{after}|{SAID}(?:\s+[EN]?\\*["']|:)"#
        );
        // The end of an escape is no part of the name: without it, another pattern would take the first word of the line.
        let line = format!(
            r"(?i-u:(?:\b|_|\\[nrtvf0]|0[ad])(?:authorization|(?:set-)?cookies?2?)){after}"
        );
        // The fields of a pair, with or without marks, as JSON and as `Debug` print them.
        let field = |fields: &[&str]| {
            let fields = fields.join("|");
            format!(r#"(?i-u:{fields})\\*["'`]?\s*(?:=>|[:=])\s*"#)
        };
        let (name, value) = (field(pairs::NAMES), field(pairs::VALUES));
        let marked = format!(r#"\\*["']{names}\\*["']"#);
        let pair = format!(
            r#"[(\[{{]\s*(?:\\*["']|:){names}(?:\\*["'](?:\)\))?)?\s*,\s*|(?i-u:\btype)={marked}[^<>\r\n]{{0,200}}?\s(?i-u:value)="#
        );
        let reversed = format!(
            r#"({value})(?:"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|\\+"[^"]*"|\\+'[^']*')(,?\s*\\*["'`]?[\w-]*{name}{marked})"#
        );
        let element = format!(
            r#"(<(?:(?:[\w-]+:)?{names}(?:\s[^<>]*)?|[\w:.-]+\s[^<>]*?(?-u:\b)name=\\*["']{names}\\*["'][^<>]*)>(?:\s*<[A-Za-z:._-]+>)?|<(?:key|name)>\s*{names}\s*</(?:key|name)>\s*(?:<[A-Za-z:._-]+>\s*){{1,2}})(?:<!\[CDATA\[[^<>]*\]\]>|[^<>]+)(</)"#
        );
        let index = format!(r"\([^=\r\n]*{names}(?-u:\b)[^=\r\n]*\)=\(");
        Self {
            index: regex(&index),
            line: regex(&line),
            named: regex(&named),
            pair: regex(&pair),
            reversed: regex(&reversed),
            element: regex(&element),
        }
    }

    /// The text without what follows `Authorization:` and `Cookie:`. It goes first: another pattern would take a part.
    pub(super) fn without_lines<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let mut read_to = 0;
        each_value(&self.line, text, |found| {
            line_value(text, found, &mut read_to)
        })
    }

    pub(super) fn without_named<'t>(&self, text: &'t str, keys: &[String]) -> Cow<'t, str> {
        each_value(&self.named, text, |found| named_value(text, keys, found))
    }

    pub(super) fn without_indexed<'t>(&self, text: &'t str) -> Cow<'t, str> {
        each_value(&self.index, text, |found| {
            let start = found.end();
            if text[start..].starts_with(FILTERED) {
                return None;
            }
            let line = &text[start..line_end(text, start)];
            // A value can itself have brackets.
            Some(start..start + line.rfind(')').unwrap_or(line.len()))
        })
    }

    pub(super) fn without_pairs<'t>(&self, text: &'t str, keys: &[String]) -> Cow<'t, str> {
        each_value(&self.pair, text, |found| {
            let value = pair_value(text, found)?;
            let is_count = counts::is_count(found.as_str(), &text[value.clone()], keys);
            (!is_count).then_some(value)
        })
    }

    pub(super) fn without_reversed_pairs<'t>(&self, text: &'t str) -> Cow<'t, str> {
        all(&self.reversed, text, "${1}[Filtered]${2}")
    }

    pub(super) fn without_elements<'t>(&self, text: &'t str) -> Cow<'t, str> {
        all(&self.element, text, "${1}[Filtered]${2}")
    }
}

/// Where the value begins: at the first character that is not white space.
fn start(text: &str, found: Match<'_>) -> Option<usize> {
    start_at(text, found.end())
}

fn start_at(text: &str, end: usize) -> Option<usize> {
    Some(end + text[end..].find(|one: char| !one.is_whitespace())?)
}

fn line_end(text: &str, at: usize) -> usize {
    let line = text[at..].find(['\r', '\n']);
    line.map_or(text.len(), |line| at + line)
}

/// Whether the match ends with the colons of a path of Rust, such as `auth::login`.
fn is_path(found: Match<'_>) -> bool {
    let before = found.as_str().strip_suffix("::");
    before.is_some_and(|before| !before.ends_with('='))
}

/// All of the line is the value, and within quotation marks all up to the closing one. Lines have been read up to `read_to`.
fn line_value(text: &str, found: Match<'_>, read_to: &mut usize) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    if is_path(found) {
        return None;
    }
    let start = start(text, found)?;
    if text[start..].starts_with(FILTERED) {
        return Some(start..start + FILTERED.len());
    }
    if let Some(end) = value::quoted(bytes, start) {
        return Some(start..end);
    }
    if is_word_alone(&text[start..]) {
        return None;
    }
    let word = value::run(bytes, start, |byte| byte.is_ascii_alphanumeric());
    if matches!(bytes[start], b'[' | b'{' | b'(') || bytes.get(start + word) == Some(&b'(') {
        return Some(start..value::balanced(bytes, start + word));
    }
    if *read_to < start {
        *read_to = line_end(text, start);
    }
    // `-H "Authorization: …"`: the mark before the name closes the value.
    let marked = found.as_str().contains(['"', '\'', '`']);
    let around = Quote::before(bytes, found.start()).filter(|_| !marked);
    let line = &bytes[..*read_to];
    if let Some(quote) = around {
        return Some(start..quote.close(line, start).0);
    }
    *read_to = folded(text, start, *read_to);
    Some(start..*read_to)
}

/// The end of a value whose first line is the scheme alone. It can go on in the next line if that begins with a blank.
fn folded(text: &str, start: usize, end: usize) -> usize {
    let scheme = text[start..end].trim_end();
    let next = text[end..].trim_start_matches(['\r', '\n']);
    let is_scheme =
        scheme.len() <= LONGEST_SCHEME && scheme.bytes().all(|one| one.is_ascii_alphabetic());
    match is_scheme && next.starts_with([' ', '\t']) {
        true => line_end(text, text.len() - next.len()),
        false => end,
    }
}

/// Whether the name is that of several words.
fn is_phrase(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    name.contains("phrase") || name.contains("mnemonic")
}

fn named_value(text: &str, keys: &[String], found: Match<'_>) -> Option<Range<usize>> {
    let (name, end) = (found.as_str(), found.end());
    if is_path(found) {
        return None;
    }
    // A call: `password("…")`. Or a value with marks after a blank.
    if name.ends_with(['"', '\'']) {
        let mark = found.start() + name.trim_end_matches(['"', '\'', '\\']).len();
        let end = value::quoted(text.as_bytes(), mark)?;
        return Some(mark..value::last_argument(text, mark, end));
    }
    // `Token([115, …])`, `Token(6f1c7810-…)`.
    if name.ends_with(|one: char| one.is_ascii_hexdigit())
        && let Some(mark) = name.rfind(['(', '[', ':'])
    {
        let named = &name[..mark];
        let mark = found.start() + mark;
        if text[mark..].starts_with('[') {
            return Some(mark..value::balanced(text.as_bytes(), mark));
        }
        // Logs name sessions by their ids.
        let is_session = || named.to_ascii_lowercase().ends_with("session");
        let start = start_at(text, mark + 1)?;
        let coded = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
        let end = start + value::run(text.as_bytes(), start, coded);
        return (!is_session()).then_some(start..end);
    }
    // As one name, such as `mot de passe`, or with a word after it, such as `db_pass provided`.
    let said = trimmed(name);
    if !names::is_secret(said, keys) && !names::are_in(said, keys) {
        return None;
    }
    let start = start(text, found)?;
    if let Some(value) = refused(&text[start..]) {
        return Some(start + value.start..start + value.end);
    }
    let place = Place {
        before: &text[..found.start()],
        name,
        spaced: start > end,
        rest: &text[start..],
    };
    // A crate that validates prints the value that it refused at the end of the line.
    if place.rest.starts_with("Validation error") {
        return Some(start..line_end(text, start));
    }
    if is_no_value(&place) {
        return None;
    }
    let end = argument_end(text, found, start).max(value::end(text, start));
    if counts::is_count_after(place.before, name, &text[start..end], keys) {
        return None;
    }
    if is_phrase(name) {
        return Some(start..end.max(value::phrase(text.as_bytes(), start)));
    }
    // After a colon stood the type of a variable, and the value follows.
    let typed = text[end..].strip_prefix(" = ").map(|_| end + 3);
    Some(start..typed.map_or(end, |value| value::end(text, value)))
}

/// The end of an argument or a variable in marks: `"DB_PASSWORD=correct horse"`, `'--password=correct horse'`. In a sentence in
/// marks, other words would follow.
fn argument_end(text: &str, found: Match<'_>, start: usize) -> usize {
    let Some(name) = found.as_str().strip_suffix('=') else {
        return start;
    };
    let of_variable = |one: u8| one.is_ascii_uppercase() || one.is_ascii_digit() || one == b'_';
    let is_argument = name.starts_with("--") || name.bytes().all(of_variable);
    let bytes = text.as_bytes();
    let around =
        Quote::before(bytes, found.start()).filter(|_| is_argument && start == found.end());
    let near = &bytes[..bytes.len().min(start + LONGEST_ARGUMENT)];
    let end = around.map_or(start, |quote| quote.close(near, start).0);
    if end < near.len() { end } else { start }
}

/// The value of a pair, which has quotation marks or is a call, as `Some("…")` is. A text in a tuple or a list must end it: else
/// it is a list of names and no pair.
fn pair_value(text: &str, found: Match<'_>) -> Option<Range<usize>> {
    let (bytes, start) = (text.as_bytes(), found.end());
    let of_fields = !found.as_str().starts_with(['(', '[', '{']);
    let word = value::run(bytes, start, |byte| byte.is_ascii_alphanumeric());
    let called = word > 0 && bytes.get(start + word) == Some(&b'(');
    if of_fields || called {
        return Some(start..value::end(text, start));
    }
    if is_option(&text[start..]) {
        return None;
    }
    let end = value::quoted(bytes, start)?;
    let rest = text[end..].trim_start();
    // `Debug` with `#` puts a comma after the last one, and ends the line.
    let last = rest
        .strip_prefix(',')
        .filter(|rest| rest.starts_with(['\n', '\r', '\\']));
    let closes = last
        .map_or(rest, str::trim_start)
        .starts_with([')', ']', '}']);
    (closes || end == text.len()).then_some(start..end)
}

//! Reads what a statement of SQL does, and with which table.

mod tokens;

use self::tokens::{Token, Tokens};
use super::query::Operation;

/// How many bytes of a statement are read.
const READ: usize = 4_096;

/// How many tables of a `WITH` are remembered, and how many words can stand before a table at most.
const FEW: usize = 16;

/// The longest name of a table, in bytes, as in PostgreSQL.
const LONGEST: usize = 63;

/// Words that stand where a table could stand, and are none.
const NO_TABLES: [&str; 12] = [
    "from", "full", "group", "join", "lateral", "only", "order", "select", "set", "values",
    "where", "with",
];

/// What a statement does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Statement {
    pub(crate) operation: Operation,
    /// The first table with which it works, in lower case, without its schema. `None` if it is not known.
    pub(crate) table: Option<String>,
}

/// The names that a `WITH` gives.
type Given<'a> = Vec<&'a str>;

// === impl Statement ===

impl Statement {
    /// Reads the first words. A literal, a comment or a parameter is never a table: what cannot be told apart is not known.
    pub(crate) fn read(sql: &str) -> Self {
        let mut tokens = Tokens::new(first_bytes(sql), sql.len() > READ);
        let (verb, given) = main_verb(&mut tokens);
        let operation = Operation::named(canonical(verb));
        let table = table_of(verb, &mut tokens, &given);
        Self {
            operation,
            table: table.map(str::to_ascii_lowercase),
        }
    }
}

/// The first bytes of a text, as whole characters.
fn first_bytes(sql: &str) -> &str {
    let mut end = sql.len().min(READ);
    while !sql.is_char_boundary(end) {
        end -= 1;
    }
    &sql[..end]
}

/// The name under which a verb is counted.
fn canonical(verb: &str) -> &str {
    let is = |word: &str| verb.eq_ignore_ascii_case(word);
    match verb {
        _ if is("start") => "BEGIN",
        _ if is("end") => "COMMIT",
        _ if is("abort") => "ROLLBACK",
        _ if is("replace") => "INSERT",
        _ => verb,
    }
}

/// The verb of a statement, and the tables that a `WITH` before it gives. The verb is empty if there is none.
fn main_verb<'a>(tokens: &mut Tokens<'a>) -> (&'a str, Given<'a>) {
    let mut given = Given::new();
    let opened = |token: &Token<'_>| matches!(token, Token::Sign(b'(' | b';'));
    let first = tokens.find(|token| !opened(token));
    let Some(Token::Word(verb)) = first else {
        return ("", given);
    };
    if !verb.eq_ignore_ascii_case("with") {
        return (verb, given);
    }
    let depth = tokens.depth();
    let mut before = None;
    while let Some(token) = tokens.next() {
        if tokens.depth() < depth || token == Token::Sign(b';') {
            break;
        }
        match token {
            // The columns and the queries.
            _ if tokens.depth() > depth => {}
            Token::Word(word) if is_main(word) => return (word, given),
            Token::Word(word) if word.eq_ignore_ascii_case("recursive") && before.is_none() => {}
            Token::Word(word) | Token::Quoted(word) => {
                let is_name = before.is_none_or(|sign| sign == Token::Sign(b','));
                if is_name && given.len() < FEW {
                    given.push(word);
                }
                before = Some(token);
            }
            _ => before = Some(token),
        }
    }
    ("", given)
}

/// Whether a statement with a `WITH` goes on with this word.
fn is_main(word: &str) -> bool {
    ["select", "insert", "update", "delete", "merge", "values"]
        .iter()
        .any(|main| word.eq_ignore_ascii_case(main))
}

/// The table of a statement. The tokens stand behind its verb.
fn table_of<'a>(verb: &str, tokens: &mut Tokens<'a>, given: &Given<'_>) -> Option<&'a str> {
    let is = |word: &str| verb.eq_ignore_ascii_case(word);
    match verb {
        _ if is("select") || is("delete") => from(tokens, given),
        _ if is("insert") || is("replace") => {
            skip_to(tokens, &["into"])?;
            table(tokens)
        }
        _ if is("update") => {
            skip_words(
                tokens,
                &["or", "abort", "fail", "ignore", "replace", "rollback"],
            );
            table(tokens)
        }
        _ if is("merge") => {
            skip_words(tokens, &["into"]);
            table(tokens)
        }
        _ if is("copy") && tokens.opens() => {
            skip_to(tokens, &["select"])?;
            from(tokens, given)
        }
        _ if is("copy") => table(tokens),
        _ if is("truncate") => {
            skip_words(tokens, &["table"]);
            table(tokens)
        }
        _ if is("create") || is("alter") || is("drop") => {
            let found = skip_to(tokens, &["table", "index"])?;
            if found.eq_ignore_ascii_case("index") {
                skip_to(tokens, &["on"])?;
            }
            skip_words(tokens, &["if", "not", "exists"]);
            table(tokens)
        }
        _ => None,
    }
}

/// The table behind the `FROM` that belongs to the verb before the tokens, or to the query within that `FROM`.
fn from<'a>(tokens: &mut Tokens<'a>, given: &Given<'_>) -> Option<&'a str> {
    let mut depth = tokens.depth();
    let mut before = None;
    loop {
        let token = tokens.next()?;
        if tokens.depth() < depth || (token == Token::Sign(b';') && tokens.depth() == depth) {
            return None;
        }
        let at_verb = tokens.depth() == depth;
        let starts = token.is("from")
            && at_verb
            // `a IS DISTINCT FROM b`, and a column with this name.
            && !before.is_some_and(|token: Token<'_>| {
                token.is("distinct") || token == Token::Sign(b'.')
            });
        before = Some(token);
        if !starts {
            continue;
        }
        while tokens.opens() {
            tokens.next();
        }
        skip_words(tokens, &["only", "lateral"]);
        let mut ahead = tokens.clone();
        if ahead.next().is_some_and(|token| token.is("select")) {
            *tokens = ahead;
            depth = tokens.depth();
            continue;
        }
        let found = table(tokens)?;
        // With a parenthesis behind it, it is a function. What a `WITH` gives is no table.
        let is_given = given.iter().any(|given| given.eq_ignore_ascii_case(found));
        return (!tokens.opens() && !is_given).then_some(found);
    }
}

/// The table whose name comes next: the last part of `schema.table`.
fn table<'a>(tokens: &mut Tokens<'a>) -> Option<&'a str> {
    skip_words(tokens, &["only"]);
    loop {
        let name = tokens.name()?;
        if !tokens.takes(b'.') {
            return is_table(name).then_some(name);
        }
    }
}

/// Whether this can be a label.
fn is_table(name: &str) -> bool {
    let bytes = name.as_bytes();
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    let begins = bytes.first().is_some_and(|first| !first.is_ascii_digit());
    let is_word = NO_TABLES.iter().any(|word| name.eq_ignore_ascii_case(word));
    begins && bytes.len() <= LONGEST && bytes.iter().all(plain) && !is_word
}

/// Skips as many of these words as come next.
fn skip_words(tokens: &mut Tokens<'_>, words: &[&str]) {
    loop {
        let mut ahead = tokens.clone();
        let is_one = |token: Token<'_>| words.iter().any(|word| token.is(word));
        if !ahead.next().is_some_and(is_one) {
            return;
        }
        *tokens = ahead;
    }
}

/// Skips all up to one of these words, which is near, and returns it.
fn skip_to<'a>(tokens: &mut Tokens<'a>, words: &[&str]) -> Option<&'a str> {
    tokens.take(FEW).find_map(|token| match token {
        Token::Word(word) if words.iter().any(|wanted| token.is(wanted)) => Some(word),
        _ => None,
    })
}

#[cfg(test)]
mod tests;

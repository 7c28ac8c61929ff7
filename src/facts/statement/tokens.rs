//! Cuts a statement of SQL into tokens, for all dialects that sqlx speaks. Where they differ, it ends rather than guesses.

/// A part of a statement. Comments and blanks are none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token<'a> {
    /// A keyword, or a name without quotes.
    Word(&'a str),
    /// A name within double quotes or backticks. In MySQL it can be a literal.
    Quoted(&'a str),
    /// A literal, a number or a parameter. Nothing of it is kept.
    Other,
    Sign(u8),
}

/// The tokens of a statement.
#[derive(Clone, Debug)]
pub(super) struct Tokens<'a> {
    rest: &'a str,
    /// There is more of the statement: a token at the end is not whole.
    cut: bool,
    /// How many parentheses are open.
    depth: usize,
}

// === impl Token ===

impl Token<'_> {
    /// Whether it is this keyword.
    pub(super) fn is(&self, keyword: &str) -> bool {
        matches!(self, Self::Word(word) if word.eq_ignore_ascii_case(keyword))
    }
}

// === impl Tokens ===

impl<'a> Tokens<'a> {
    pub(super) const fn new(statement: &'a str, cut: bool) -> Self {
        Self {
            rest: statement,
            cut,
            depth: 0,
        }
    }

    pub(super) const fn depth(&self) -> usize {
        self.depth
    }

    /// Whether a parenthesis opens next.
    pub(super) fn opens(&self) -> bool {
        self.clone().next() == Some(Token::Sign(b'('))
    }

    /// Takes the next token, if it is this sign.
    pub(super) fn takes(&mut self, sign: u8) -> bool {
        let mut ahead = self.clone();
        let is_next = ahead.next() == Some(Token::Sign(sign));
        if is_next {
            *self = ahead;
        }
        is_next
    }

    /// The name that comes next, with or without quotes. Brackets are quotes only here: elsewhere they can hold an array.
    pub(super) fn name(&mut self) -> Option<&'a str> {
        match self.next()? {
            Token::Word(name) | Token::Quoted(name) => Some(name),
            Token::Sign(b'[') => {
                let (name, rest) = self.rest.split_once(']')?;
                self.rest = rest;
                Some(name)
            }
            _ => None,
        }
    }

    /// Ends: what follows cannot be told apart.
    fn give_up(&mut self) -> Option<Token<'a>> {
        self.rest = "";
        None
    }

    /// Takes bytes as long as they are of this kind.
    fn take_while(&mut self, wanted: impl Fn(char) -> bool) -> &'a str {
        let end = self.rest.find(|c| !wanted(c)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at(end);
        self.rest = rest;
        taken
    }

    fn skip(&mut self, bytes: usize) {
        self.rest = self.rest.get(bytes..).unwrap_or_default();
    }

    /// Skips blanks and comments. A comment without an end is all that is left. They are nested as in PostgreSQL: in another dialect
    /// more is skipped than must be.
    fn skip_blanks(&mut self) {
        loop {
            self.take_while(char::is_whitespace);
            if self.rest.starts_with("--") {
                self.take_while(|c| c != '\n');
            } else if self.rest.starts_with("/*") {
                self.skip_comment();
            } else {
                return;
            }
        }
    }

    fn skip_comment(&mut self) {
        let mut open = 0_usize;
        loop {
            if self.rest.starts_with("/*") {
                open += 1;
                self.skip(2);
            } else if self.rest.starts_with("*/") {
                open -= 1;
                self.skip(2);
            } else {
                let mut characters = self.rest.chars();
                characters.next();
                self.rest = characters.as_str();
            }
            if open == 0 || self.rest.is_empty() {
                return;
            }
        }
    }

    /// What stands within quotes. `None` if it has no end, or a backslash: whether that hides a quote depends on the dialect and on
    /// settings.
    fn quoted(&mut self, quote: char) -> Option<&'a str> {
        self.skip(1);
        let text = self.rest;
        loop {
            let inside = self.take_while(|c| c != quote);
            if inside.contains('\\') || self.rest.is_empty() {
                self.give_up();
                return None;
            }
            self.skip(1);
            if !self.rest.starts_with(quote) {
                return text.get(..text.len() - self.rest.len() - 1);
            }
            // Doubled, it is a part of the text.
            self.skip(1);
        }
    }

    /// A parameter such as `$1`, or a literal such as `$tag$text$tag$`.
    fn dollar(&mut self) -> Option<Token<'a>> {
        let text = self.rest;
        self.skip(1);
        self.take_while(is_of_word);
        if !self.rest.starts_with('$') {
            return Some(Token::Other);
        }
        self.skip(1);
        let tag = text.get(..text.len() - self.rest.len())?;
        match self.rest.split_once(tag) {
            Some((_, rest)) => {
                self.rest = rest;
                Some(Token::Other)
            }
            None => self.give_up(),
        }
    }

    fn sign(&mut self, first: char) -> Token<'a> {
        self.skip(first.len_utf8());
        match first {
            '(' => self.depth += 1,
            ')' => self.depth = self.depth.saturating_sub(1),
            // A parameter, also of a cast: what follows at once belongs to it.
            ':' | '@' | '?' if self.rest.starts_with(is_of_word) => {
                self.take_while(is_of_word);
                return Token::Other;
            }
            _ => {}
        }
        u8::try_from(first).map_or(Token::Other, Token::Sign)
    }
}

impl<'a> Iterator for Tokens<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        self.skip_blanks();
        let token = match self.rest.chars().next()? {
            '\'' => {
                self.quoted('\'')?;
                Token::Other
            }
            quote @ ('"' | '`') => Token::Quoted(self.quoted(quote)?),
            '$' => self.dollar()?,
            // A comment in MySQL, and an operator in PostgreSQL.
            '#' if !self.rest.starts_with("#>") && !self.rest.starts_with("#-") => {
                self.give_up()?
            }
            first if first.is_ascii_digit() => {
                self.take_while(|c| is_of_word(c) || c == '.');
                Token::Other
            }
            first if is_of_word(first) => {
                Token::Word(self.take_while(|c| is_of_word(c) || c == '$'))
            }
            first => self.sign(first),
        };
        match self.rest.is_empty() && self.cut {
            true => None,
            false => Some(token),
        }
    }
}

fn is_of_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_' || !character.is_ascii()
}

//! Decides which requests are not observed.
//!
//! A layer of this crate takes [`Patterns`] of paths, and [`Rules`] about methods and headers. A request that matches gets no id, no event and no timing, from that layer and
//! from all layers of this crate further in. It only increments one counter. [`ExcludeLayer`] does the same for a layer of
//! another crate.

mod layer;
mod own_paths;
mod route;
mod rules;

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

pub use self::{
    layer::{Exclude, ExcludeFuture, ExcludeLayer},
    route::ExcludeRouteLayer,
    rules::{Rule, Rules},
};
pub(crate) use self::{own_paths::OwnPaths, rules::Exclusion};
use crate::config::ConfigError;

/// Patterns of paths that are not observed.
///
/// - `/a` matches only that path.
/// - `/a/` matches `/a` and everything below it, segment by segment (`/a/b`, never `/ab`).
/// - `*` stands for exactly one whole segment: `/users/*/avatar`.
/// - `/` matches only the root path.
///
/// The path is compared as received, without its query, and its case counts. A path with an empty, `.` or `..` segment or
/// with a `%` is never excluded, so no client can disguise a request as a probe.
///
/// ```
/// use tower_vitals::exclude::Patterns;
///
/// let quiet = Patterns::new(["/ping", "/static/"])?;
/// assert!(quiet.matches("/static/app.css"));
/// assert!(!quiet.matches("/static/../admin"));
/// # Ok::<(), tower_vitals::config::ConfigError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Patterns {
    root: Node,
    all: Vec<Pattern>,
}

/// One pattern, and whether a path has ever matched it.
#[derive(Clone, Debug)]
struct Pattern {
    text: Box<str>,
    used: Arc<AtomicBool>,
}

/// One segment in the tree of patterns. Only one way leads to a node, so matching visits each node at most once.
#[derive(Clone, Debug, Default)]
struct Node {
    /// Sorted.
    literal: Vec<(Box<str>, Self)>,
    any: Option<Box<Self>>,
    /// The index of the pattern that ends here.
    ends_here: Option<usize>,
    everything_below: Option<usize>,
}

// === impl Patterns ===

impl Patterns {
    /// Health checks, static files and administration pages, as a monitoring guide for web shops lists them. The line at the
    /// start names this preset where all of it is excluded.
    ///
    /// ```
    /// # use tower_vitals::exclude::Patterns;
    /// assert!(Patterns::new(Patterns::GUIDE)?.matches("/api/health/"));
    /// # Ok::<(), tower_vitals::config::ConfigError>(())
    /// ```
    pub const GUIDE: [&str; 6] = [
        "/health/",
        "/ping/",
        "/api/health/",
        "/static/",
        "/media/",
        "/admin/",
    ];

    /// Checks and collects patterns.
    ///
    /// # Errors
    ///
    /// If a pattern can never match, does not mean what it seems to mean, or clashes with an earlier one: one of the two
    /// matches all that the other matches. The error has the index and the text of the pattern.
    pub fn new<I>(patterns: I) -> Result<Self, ConfigError>
    where
        I: IntoIterator,
        I::Item: AsRef<str>,
    {
        let mut all = Self::default();
        for (index, pattern) in patterns.into_iter().enumerate() {
            let pattern = pattern.as_ref();
            all.insert(pattern)
                .map_err(|reason| ConfigError::new(format!("exclude[{index}]"), pattern, reason))?;
        }
        Ok(all)
    }

    /// The patterns that no path has matched yet.
    pub(crate) fn unused(&self) -> impl Iterator<Item = &str> {
        let unused = |pattern: &&Pattern| !pattern.used.load(Ordering::Relaxed);
        self.all.iter().filter(unused).map(|pattern| &*pattern.text)
    }

    /// The name of the preset that is among the patterns.
    pub(crate) fn preset(&self) -> Option<&'static str> {
        let has = |pattern: &str| self.all.iter().any(|own| &*own.text == pattern);
        let is_there = Self::GUIDE.into_iter().all(has);
        is_there.then_some("Patterns::GUIDE")
    }

    fn insert(&mut self, pattern: &str) -> Result<(), &'static str> {
        self.root.insert(pattern, self.all.len())?;
        self.all.push(Pattern {
            text: pattern.into(),
            used: Arc::default(),
        });
        Ok(())
    }

    /// Whether a request for `path` is excluded.
    #[must_use]
    pub fn matches(&self, path: &str) -> bool {
        let Some(pattern) = self.find(path).and_then(|index| self.all.get(index)) else {
            return false;
        };
        // It is written only once. So processors do not take the cache line from each other.
        if !pattern.used.load(Ordering::Relaxed) {
            pattern.used.store(true, Ordering::Relaxed);
        }
        true
    }

    fn find(&self, path: &str) -> Option<usize> {
        let rest = path.strip_prefix('/')?;
        if !self.root.may_begin(rest) {
            return None;
        }
        self.root.find(Some(rest)).filter(|_| is_plain(rest))
    }
}

/// The patterns, separated by commas.
impl fmt::Display for Patterns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, pattern) in self.all.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            write!(f, "{comma}{}", pattern.text)?;
        }
        Ok(())
    }
}

// === impl Node ===

impl Node {
    fn insert(&mut self, pattern: &str, index: usize) -> Result<(), &'static str> {
        let Some(rest) = pattern.strip_prefix('/') else {
            return Err("must begin with /");
        };
        if let Some(bad) = rest
            .chars()
            .find(|c| "%?#{}".contains(*c) || *c <= ' ' || *c == '\x7f')
        {
            return Err(match bad {
                '{' | '}' => "route parameters mean nothing here; write * for one segment",
                _ => "can never match: %, ?, #, spaces and control characters are not allowed",
            });
        }
        let (segments, below) = match rest.strip_suffix('/') {
            Some(segments) => (segments, true),
            None => (rest, false),
        };
        let segments: Vec<&str> = segments.split('/').collect();
        for segment in &segments {
            match *segment {
                "*" => {}
                "" if rest.is_empty() => {}
                "" | "." | ".." => return Err("can never match: it has an empty, . or .. segment"),
                part if part.contains('*') => {
                    return Err("* stands for a whole segment, not a part of one");
                }
                _ => {}
            }
        }
        if self.covers(&segments, below) {
            return Err("an earlier pattern covers it");
        }
        if self.is_covered(&segments, below) {
            return Err("it covers an earlier pattern");
        }
        let mut node = self;
        for segment in segments {
            node = match segment {
                "*" => node.any.get_or_insert_default(),
                literal => node.child(literal),
            };
        }
        let place = match below {
            true => &mut node.everything_below,
            false => &mut node.ends_here,
        };
        *place = Some(index);
        Ok(())
    }

    /// Whether one pattern at or below this node matches all that these segments match, and with `below` what follows them.
    fn covers(&self, segments: &[&str], below: bool) -> bool {
        if self.everything_below.is_some() {
            return true;
        }
        let Some((segment, rest)) = segments.split_first() else {
            return !below && self.ends_here.is_some();
        };
        let any = || {
            let any = self.any.as_ref().filter(|_| !segment.is_empty());
            any.is_some_and(|any| any.covers(rest, below))
        };
        self.literal(segment)
            .is_some_and(|child| child.covers(rest, below))
            || any()
    }

    /// Whether these segments, and with `below` what follows them, match all that a pattern at or below this node matches.
    fn is_covered(&self, segments: &[&str], below: bool) -> bool {
        let Some((segment, rest)) = segments.split_first() else {
            return match below {
                true => !self.is_empty(),
                false => self.ends_here.is_some(),
            };
        };
        if *segment != "*" {
            let child = self.literal(segment);
            return child.is_some_and(|child| child.is_covered(rest, below));
        }
        let literal = self.literal.iter();
        let literal = literal.filter(|(name, _)| !name.is_empty());
        literal
            .map(|(_, child)| child)
            .chain(self.any.as_deref())
            .any(|child| child.is_covered(rest, below))
    }

    fn literal(&self, segment: &str) -> Option<&Self> {
        // Most nodes have one child, or none.
        if let [(only, child)] = &self.literal[..] {
            return (**only == *segment).then_some(child);
        }
        let at = self.place_of(segment).ok()?;
        self.literal.get(at).map(|(_, child)| child)
    }

    fn place_of(&self, segment: &str) -> Result<usize, usize> {
        self.literal
            .binary_search_by(|(known, _)| (**known).cmp(segment))
    }

    fn child(&mut self, segment: &str) -> &mut Self {
        let at = self.place_of(segment).unwrap_or_else(|at| {
            self.literal.insert(at, (segment.into(), Self::default()));
            at
        });
        &mut self.literal[at].1
    }

    fn is_empty(&self) -> bool {
        self.literal.is_empty()
            && self.any.is_none()
            && self.ends_here.is_none()
            && self.everything_below.is_none()
    }

    /// Whether a path that goes on with `rest` can match. Of most paths, one byte tells that they do not.
    #[inline]
    fn may_begin(&self, rest: &str) -> bool {
        let first = rest.as_bytes().first();
        let begins = |(known, _): &(Box<str>, Self)| known.as_bytes().first() == first;
        self.any.is_some() || self.everything_below.is_some() || self.literal.iter().any(begins)
    }

    /// `rest` is what follows the slash after this node's segment, if there is one.
    fn find(&self, rest: Option<&str>) -> Option<usize> {
        let Some(rest) = rest else {
            return self.ends_here.or(self.everything_below);
        };
        if self.everything_below.is_some() {
            return self.everything_below;
        }
        let (segment, rest) = match rest.bytes().position(|byte| byte == b'/') {
            Some(at) => (&rest[..at], Some(&rest[at + 1..])),
            None => (rest, None),
        };
        let literal = || self.literal(segment)?.find(rest);
        let any = || {
            self.any
                .as_ref()
                .filter(|_| !segment.is_empty())?
                .find(rest)
        };
        literal().or_else(any)
    }
}

/// Whether no segment of the path could be read in two ways; the last may be empty (`/a/`).
fn is_plain(rest: &str) -> bool {
    // `rest` follows a slash. Most paths have neither of these.
    let mut before = b'/';
    let is_usual = |byte: u8| {
        let usual = byte != b'%' && byte != b'.' && (byte != b'/' || before != b'/');
        before = byte;
        usual
    };
    rest.bytes().all(is_usual) || has_only_names(rest)
}

/// As [`is_plain`], of a path with dots.
fn has_only_names(rest: &str) -> bool {
    let is_step = |segment: &str| segment == "." || segment == "..";
    let mut segments = rest.split('/').rev();
    let last = segments.next().unwrap_or("");
    !rest.contains('%')
        && !is_step(last)
        && segments.all(|segment| !segment.is_empty() && !is_step(segment))
}

#[cfg(test)]
mod tests;

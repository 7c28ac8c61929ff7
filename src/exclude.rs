//! Decides which requests pass by unwatched.
//!
//! Our own layers take [`Patterns`] and leave what matches alone, wherever they stand below: no id, no event, no timing, one
//! counter. [`ExcludeLayer`] does the same for a layer that is not ours.

mod layer;

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

pub use self::layer::{Exclude, ExcludeFuture, ExcludeLayer};

use crate::config::ConfigError;

/// Paths that are not ours to watch.
///
/// - `/a` matches that path alone.
/// - `/a/` matches `/a` and everything below it, segment by segment (`/a/b`, never `/ab`).
/// - `*` stands for exactly one whole segment: `/users/*/avatar`.
/// - `/` matches the root path alone.
///
/// The path is taken raw and case-sensitive, without its query. A path with an empty, `.` or `..` segment or with a `%`
/// is never excluded: nobody can dress a request up as a probe to hide it.
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

/// One pattern, and whether anything has ever matched it.
#[derive(Clone, Debug)]
struct Pattern {
    text: Box<str>,
    used: Arc<AtomicBool>,
}

/// One segment of the patterns' tree; a path reaches a node by one way only, so matching visits each node at most once.
#[derive(Clone, Debug, Default)]
struct Node {
    /// In order.
    literal: Vec<(Box<str>, Self)>,
    any: Option<Box<Self>>,
    /// The pattern that ends here, by its place in the list.
    ends_here: Option<usize>,
    everything_below: Option<usize>,
}

// === impl Patterns ===

impl Patterns {
    /// Health checks, static files and the admin's pages, as a monitoring guide for web shops lists them.
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

    /// The patterns of a list, checked.
    ///
    /// # Errors
    ///
    /// When a pattern could never match, would not mean what it seems to, or clashes with one before it: they are the same,
    /// or one covers the other. The error has its index and text.
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

    /// These and one of our own, which counts as used.
    #[cfg(any(feature = "health", all(feature = "axum", feature = "prometheus")))]
    pub(crate) fn and(mut self, pattern: &str) -> Self {
        // It may cover one of the application's own; where one of those covers it, there is nothing to add.
        if self.root.insert(pattern, self.all.len(), true).is_ok() {
            self.all.push(Pattern {
                text: pattern.into(),
                used: Arc::new(AtomicBool::new(true)),
            });
        }
        self
    }

    /// Those that nothing has matched yet.
    pub(crate) fn unused(&self) -> impl Iterator<Item = &str> {
        let unused = |pattern: &&Pattern| !pattern.used.load(Ordering::Relaxed);
        self.all.iter().filter(unused).map(|pattern| &*pattern.text)
    }

    fn insert(&mut self, pattern: &str) -> Result<(), &'static str> {
        self.root.insert(pattern, self.all.len(), false)?;
        self.all.push(Pattern {
            text: pattern.into(),
            used: Arc::default(),
        });
        Ok(())
    }

    /// Whether a request for `path` passes by.
    #[must_use]
    pub fn matches(&self, path: &str) -> bool {
        let Some(pattern) = self.find(path).and_then(|index| self.all.get(index)) else {
            return false;
        };
        // Read first: written once, it stays in every processor's cache.
        if !pattern.used.load(Ordering::Relaxed) {
            pattern.used.store(true, Ordering::Relaxed);
        }
        true
    }

    fn find(&self, path: &str) -> Option<usize> {
        let rest = path.strip_prefix('/')?;
        self.root.find(Some(rest)).filter(|_| is_plain(rest))
    }
}

// === impl Node ===

impl Node {
    fn insert(&mut self, pattern: &str, index: usize, may_cover: bool) -> Result<(), &'static str> {
        const COVERED: &str = "an earlier pattern covers it";
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
        let mut node = self;
        for segment in segments.split('/') {
            if node.everything_below.is_some() {
                return Err(COVERED);
            }
            node = match segment {
                "*" => node.any.get_or_insert_default(),
                "" if rest.is_empty() => node.child(""),
                "" | "." | ".." => return Err("can never match: it has an empty, . or .. segment"),
                s if s.contains('*') => {
                    return Err("* stands for a whole segment, not a part of one");
                }
                s => node.child(s),
            };
        }
        if node.everything_below.is_some() || (!below && node.ends_here.is_some()) {
            return Err(COVERED);
        }
        if below && !node.is_empty() && !may_cover {
            return Err("it covers an earlier pattern");
        }
        let place = match below {
            true => &mut node.everything_below,
            false => &mut node.ends_here,
        };
        *place = Some(index);
        Ok(())
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
        self.literal.is_empty() && self.any.is_none() && self.ends_here.is_none()
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
        let literal = || {
            let at = self.place_of(segment).ok()?;
            self.literal[at].1.find(rest)
        };
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
    // `rest` follows a slash.
    let (mut before, mut dots) = (b'/', 0);
    for byte in rest.bytes() {
        match byte {
            b'%' => return false,
            b'/' if before == b'/' || dots > 0 => return false,
            // Only where they are all that there is since the last slash.
            b'.' if before == b'/' || (dots == 1 && before == b'.') => dots += 1,
            _ => dots = 0,
        }
        before = byte;
    }
    dots == 0
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_path_is_plain_if_its_segments_are(path in "[a./%]{0,8}") {
            let segments: Vec<_> = path.split('/').collect();
            let (last, others) = segments.split_last().unwrap();
            let plain = |segment: &&str| ![".", ".."].contains(segment) && !segment.contains('%');
            let each = others.iter().all(|segment| plain(segment) && !segment.is_empty());
            prop_assert_eq!(is_plain(&path), each && plain(last));
        }
    }

    #[test]
    fn a_pattern_matches_by_segment() {
        let patterns = Patterns::new(["/health", "/static/", "/users/*/avatar", "/"]).unwrap();
        for path in [
            "/health",
            "/static",
            "/static/",
            "/static/a/b",
            "/users/7/avatar",
            "/",
        ] {
            assert!(patterns.matches(path), "{path}");
        }
        for path in [
            "/healthy-admin",
            "/api/health",
            "/HEALTH",
            "/health/",
            "/health/x",
            "/statics",
            "/users//avatar",
            "/users/avatar",
            "/users/7/avatar/x",
            "",
            "*",
            "/admin",
        ] {
            assert!(!patterns.matches(path), "{path}");
        }
    }

    #[test]
    fn a_dressed_up_path_is_never_excluded() {
        let patterns = Patterns::new(["/health/"]).unwrap();
        for path in [
            "//health",
            "/health/..//admin",
            "/health/../admin",
            "/health/./x",
            "/%68ealth",
            "/health/..%2fadmin",
            "/health//admin",
            "/health;x=1",
            "/health/..",
        ] {
            assert!(!patterns.matches(path), "{path}");
        }
    }

    #[test]
    fn patterns_that_clash_are_refused() {
        for (first, second) in [
            ("/a", "/a"),
            ("/a/", "/a/"),
            ("/a/", "/a"),
            ("/a", "/a/"),
            ("/a/", "/a/b/c"),
            ("/a/b/c", "/a/"),
            ("/a/*", "/a/"),
        ] {
            let error = Patterns::new([first, second]).unwrap_err();
            assert_eq!((error.field(), error.value()), ("exclude[1]", second));
        }
        Patterns::new(["/a", "/b", "/a/b", "/a/*", "/*"]).unwrap();
    }

    #[test]
    fn what_nothing_has_matched_is_told() {
        let patterns = Patterns::new(["/livez", "/statics/", "/users/*/avatar"]).unwrap();
        assert!(patterns.matches("/livez"));
        assert!(!patterns.matches("/static/app.css"));
        let unused: Vec<_> = patterns.unused().collect();
        assert_eq!(unused, ["/statics/", "/users/*/avatar"]);
    }

    #[test]
    fn a_bad_pattern_is_named_by_index_and_text() {
        for bad in [
            "health", "", "/a//b", "/a/../b", "/a%20", "/a*", "/a?x", "/{id}", "/a b", "//",
        ] {
            let error = Patterns::new(["/fine", bad]).unwrap_err();
            assert_eq!((error.field(), error.value()), ("exclude[1]", bad));
        }
    }
}

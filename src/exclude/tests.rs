use super::*;

#[test]
fn a_path_is_plain_if_its_segments_are() {
    let letter = || fastrand::choice(['a', '.', '/', '%']).unwrap();
    for _ in 0..5_000 {
        let length = fastrand::usize(..=8);
        let path: String = std::iter::repeat_with(letter).take(length).collect();
        let segments: Vec<_> = path.split('/').collect();
        let (last, others) = segments.split_last().unwrap();
        let plain = |segment: &&str| ![".", ".."].contains(segment) && !segment.contains('%');
        let each = others
            .iter()
            .all(|segment| plain(segment) && !segment.is_empty());
        assert_eq!(is_plain(&path), each && plain(last), "{path:?}");
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
        ("/a/*", "/a/b"),
        ("/a/b", "/a/*"),
        ("/*/b/", "/a/b/c"),
        ("/a/b/c", "/*/b/"),
        ("/*/*", "/a/*"),
    ] {
        let error = Patterns::new([first, second]).unwrap_err();
        assert_eq!((error.field(), error.value()), ("exclude[1]", second));
    }
    // A `*` stands for one segment, and not for an empty one. These overlap, and neither covers the other.
    Patterns::new(["/a", "/a/b", "/a/b/*", "/", "/*/c", "/b/*/"]).unwrap();
}

#[test]
fn a_pattern_without_a_match_is_unused() {
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

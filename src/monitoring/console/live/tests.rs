use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};

use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde_json::Value;

use super::{super::changed, *};

/// A console whose clock stands still until somebody moves it.
struct Stage {
    live: Live,
    moved: Arc<AtomicU64>,
    draws: AtomicUsize,
}

impl Stage {
    fn new() -> Self {
        let (begin, moved) = (Instant::now(), Arc::new(AtomicU64::new(0)));
        let millis = Arc::clone(&moved);
        let clock = move || begin + Duration::from_millis(millis.load(Relaxed));
        Self {
            live: Live::by_clock(clock),
            moved,
            draws: AtomicUsize::new(0),
        }
    }

    fn later(&self, millis: u64) {
        self.moved.fetch_add(millis, Relaxed);
    }

    fn show(&self, sections: &[(&'static str, &str)]) -> Arc<Rendering> {
        self.live.current(|| {
            self.draws.fetch_add(1, Relaxed);
            let drawn = sections.iter();
            drawn
                .map(|(name, value)| (*name, value.as_bytes().to_vec()))
                .collect()
        })
    }
}

fn json(rendering: &Rendering, since: Option<&str>) -> Value {
    let since = since.map(|text| Cursor::parse(text).unwrap());
    serde_json::from_slice(&rendering.since(since.as_ref())).unwrap()
}

fn names(value: &Value) -> Vec<&str> {
    let all = value.as_object().unwrap().keys().map(String::as_str);
    all.filter(|name| !["cursor", "whole", "timestamp"].contains(name))
        .collect()
}

#[test]
fn a_hundred_open_pages_are_one_drawing_a_second() {
    let stage = Stage::new();
    for second in 1..=10 {
        for _ in 0..100 {
            let shown = stage.show(&[("now", "1")]);
            assert_eq!(json(&shown, None)["now"], 1);
            stage.later(9);
        }
        assert_eq!(stage.draws.load(Relaxed), second);
        assert!(stage.live.fresh().is_some(), "nobody waits for a thread");
        stage.later(100);
        assert!(stage.live.fresh().is_none());
    }
}

#[test]
fn what_takes_long_to_draw_is_shown_longer() {
    for (took, shown) in [(0, 1_000), (5, 1_000), (7, 1_400), (500, 3_000)] {
        let stage = Stage::new();
        stage.live.current(|| {
            stage.later(took);
            Vec::new()
        });
        stage.later(shown - 1 - took.min(shown - 1));
        assert!(stage.live.fresh().is_some(), "{took} ms");
        stage.later(1);
        assert!(stage.live.fresh().is_none(), "{took} ms");
    }
}

#[test]
fn a_cursor_gets_only_the_sections_that_changed_since() {
    let stage = Stage::new();
    let first = json(&stage.show(&[("a", "1"), ("b", "[2]"), ("c", "{}")]), None);
    assert_eq!(first["whole"], true);
    assert_eq!(names(&first), ["a", "b", "c"]);
    let seen = first["cursor"].as_str().unwrap();

    stage.later(1_000);
    let second = stage.show(&[("a", "1"), ("b", "[3]"), ("c", "{}")]);
    let new = json(&second, Some(seen));
    assert_eq!(
        (&new["whole"], names(&new)),
        (&Value::Bool(false), vec!["b"])
    );
    let seen_b = new["cursor"].as_str().unwrap().to_owned();
    assert_ne!(seen_b, seen);

    stage.later(1_000);
    let third = stage.show(&[("a", "9"), ("b", "[3]"), ("c", "{}")]);
    assert_eq!(names(&json(&third, Some(&seen_b))), ["a"]);
    assert_eq!(names(&json(&third, Some(seen))), ["a", "b"]);
    let seen_a = json(&third, Some(seen))["cursor"]
        .as_str()
        .unwrap()
        .to_owned();

    stage.later(1_000);
    let same = stage.show(&[("a", "9"), ("b", "[3]"), ("c", "{}")]);
    assert!(names(&json(&same, Some(&seen_a))).is_empty());
    assert_eq!(json(&same, Some(&seen_a))["cursor"], *seen_a);
}

#[test]
fn a_cursor_of_another_process_gets_everything() {
    let (one, other) = (Stage::new(), Stage::new());
    let foreign = json(&one.show(&[("a", "1")]), None);
    let foreign = foreign["cursor"].as_str().unwrap();
    let shown = other.show(&[("a", "1")]);
    let later = format!("{:016x}-99", shown.epoch);
    for since in [foreign, &later, "", "-", "x-1", "0", "\u{661}-1"] {
        let answer = json(&shown, Some(since));
        assert_eq!(
            (&answer["whole"], names(&answer)),
            (&Value::Bool(true), vec!["a"])
        );
    }
    assert_eq!(Cursor::parse(&"1".repeat(65)), None);
}

#[test]
fn who_has_seen_all_gets_no_body() {
    let stage = Stage::new();
    let shown = stage.show(&[("a", "1")]);
    let asked = |known: &[&str]| {
        let mut headers = HeaderMap::new();
        for tag in known {
            let tag = HeaderValue::from_str(tag).unwrap();
            headers.append(header::IF_NONE_MATCH, tag);
        }
        changed(&stage.show(&[("a", "1")]), None, &headers)
    };
    let first = asked(&[]);
    assert_eq!(first.status(), StatusCode::OK);
    let tag = first.headers()[header::ETAG].to_str().unwrap().to_owned();
    assert_eq!(tag, shown.tag());
    let strong = tag.trim_start_matches("W/");
    let among = format!("\"x\", {tag}");
    for known in [&*tag, strong, &among, "*"] {
        let answer = asked(&["\"other\"", known]);
        assert_eq!(answer.status(), StatusCode::NOT_MODIFIED, "{known}");
        assert_eq!(answer.headers()[header::ETAG], *tag);
        assert_eq!(answer.headers()[header::CACHE_CONTROL], "no-store");
    }
    for known in ["\"x\"", strong.trim_matches('"'), ""] {
        assert_eq!(asked(&[known]).status(), StatusCode::OK, "{known}");
    }
    stage.later(1_000);
    let changed_since = changed(&stage.show(&[("a", "2")]), None, &HeaderMap::new());
    assert_ne!(changed_since.headers()[header::ETAG], *tag);
}

#[test]
fn answers_are_kept_for_a_few_cursors_only() {
    let stage = Stage::new();
    for value in 0..100 {
        stage.show(&[("a", &value.to_string())]);
        stage.later(1_000);
    }
    let shown = stage.show(&[("a", "true"), ("b", "1")]);
    for version in 0..100 {
        let cursor = format!("{:016x}-{version}", shown.epoch);
        assert_eq!(names(&json(&shown, Some(&cursor))), ["a", "b"]);
    }
    assert_eq!(lock(&shown.answers).len(), MOST_ANSWERS);
}

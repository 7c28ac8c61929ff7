use http::Method;
use redis::Value;
use serde_json::Value as Json;

use super::{super::real_redis::RealRedis, *};
use crate::statistics::given::Window;

const DAY_MS: i64 = 86_400_000;

fn lately() -> Statistics {
    let mut window = Window::new();
    let took = Some(Duration::from_millis(250));
    for status in [200, 200, 404, 500] {
        window.request(&Method::GET, "/api/appointments/", status, took);
    }
    window.failures(ErrorCategory::Database, "/api/appointments/", 3);
    window.failures(ErrorCategory::Timeout, "/api/appointments/", 1);
    window.statistics()
}

fn checks(all: &[(&str, &str)]) -> BTreeMap<String, String> {
    let owned = |(name, word): &(&str, &str)| ((*name).to_owned(), (*word).to_owned());
    all.iter().map(owned).collect()
}

fn keys() -> GuideKeys {
    let checks = checks(&[("database", "healthy"), ("cache", "unhealthy")]);
    GuideKeys::of("clinic_perf", &lately(), &checks)
}

fn value(keys: &GuideKeys, name: &str) -> (Json, Duration) {
    let found = keys.written.iter().find(|(key, ..)| key == name);
    let (_, value, lasts) = found.unwrap_or_else(|| panic!("{name}: {keys:?}"));
    (serde_json::from_str(value).unwrap(), *lasts)
}

#[test]
fn the_guides_keys_have_its_names_its_fields_and_its_times() {
    let keys = keys();
    let (stats, lasts) = value(&keys, "clinic_perf:endpoint_stats:/api/appointments/:GET");
    let fields: Vec<_> = stats.as_object().unwrap().keys().cloned().collect();
    assert_eq!(
        fields,
        [
            "error_count",
            "last_updated",
            "status_codes",
            "total_duration",
            "total_requests"
        ]
    );
    assert_eq!(
        (&stats["total_requests"], &stats["error_count"]),
        (&json!(4), &json!(1))
    );
    assert_eq!(stats["total_duration"], 1_000.0);
    assert_eq!(
        stats["status_codes"],
        json!({ "200": 2, "404": 1, "500": 1 })
    );
    assert!(
        stats["last_updated"].as_str().unwrap().ends_with('Z'),
        "{stats}"
    );
    assert!(
        lasts > DAY - Duration::from_secs(60) && lasts <= DAY,
        "{lasts:?}"
    );
    assert_eq!(value(&keys, "clinic_perf:error:database"), (json!(3), DAY));
    assert_eq!(value(&keys, "clinic_perf:error:timeout"), (json!(1), DAY));
    let (health, lasts) = value(&keys, "clinic_perf:health_status");
    assert_eq!(lasts, Duration::from_secs(300));
    assert_eq!(health["database"]["status"], "healthy");
    assert_eq!(health["cache"]["status"], "critical");
    assert!(health["cache"]["timestamp"].is_string(), "{health}");
}

#[test]
fn a_category_without_an_error_has_no_key_and_a_service_without_checks_no_health() {
    let keys = GuideKeys::of("p", &lately(), &BTreeMap::new());
    assert_eq!(keys.gone.len(), 7);
    assert!(keys.gone.contains(&"p:error:rate_limit".to_owned()));
    assert!(
        !keys
            .written
            .iter()
            .any(|(key, ..)| key.ends_with("health_status"))
    );
}

#[test]
fn the_statistics_of_an_endpoint_last_a_day_after_its_last_request() {
    let mut lately = lately();
    let hours = |hours: u64| Duration::from_secs(hours * 3_600);
    let last = lately.until.since_1970();
    for (ago, lasts) in [
        (hours(0), hours(24)),
        (hours(5), hours(19)),
        (hours(24), SHORTEST),
    ] {
        lately.until = WallTime::new(last + ago);
        let keys = GuideKeys::of("p", &lately, &BTreeMap::new());
        let (_, told) = value(&keys, "p:endpoint_stats:/api/appointments/:GET");
        assert!(
            lasts.abs_diff(told) < Duration::from_secs(60),
            "{told:?} {lasts:?}"
        );
    }
}

#[test]
fn of_each_check_the_worst_word_of_all_instances_counts() {
    let all = [
        checks(&[("database", "healthy"), ("cache", "degraded")]),
        checks(&[("database", "unhealthy"), ("cache", "unknown")]),
        checks(&[("mail", "unknown")]),
    ];
    let worst = worst_of_each(&all);
    let expected = [
        ("database", "unhealthy"),
        ("cache", "degraded"),
        ("mail", "unknown"),
    ];
    assert_eq!(worst, checks(&expected));
}

#[test]
#[ignore = "needs redis-server; .ci/run installs it"]
fn a_reader_of_the_guides_keys_finds_them_in_redis() {
    let redis = RealRedis::start();
    redis
        .answer(&["SET", "clinic_perf:error:rate_limit", "9"])
        .unwrap();
    let (): () = redis.link().ask(&keys().pipeline()).unwrap();
    for (key, most) in [
        ("clinic_perf:endpoint_stats:/api/appointments/:GET", DAY_MS),
        ("clinic_perf:error:database", DAY_MS),
        ("clinic_perf:health_status", 300_000),
    ] {
        let Value::Int(lasts) = redis.answer(&["PTTL", key]).unwrap() else {
            panic!("{key}");
        };
        assert!(lasts > most - 60_000 && lasts <= most, "{key}: {lasts}");
    }
    let count = redis
        .answer(&["GET", "clinic_perf:error:database"])
        .unwrap();
    assert_eq!(count, Value::BulkString(b"3".to_vec()));
    let gone = redis
        .answer(&["GET", "clinic_perf:error:rate_limit"])
        .unwrap();
    assert_eq!(gone, Value::Nil);
}

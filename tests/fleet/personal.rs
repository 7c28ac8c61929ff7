//! Nothing about people goes to Redis.

use crate::{
    load::{Answered, Load},
    member::Settings,
    programs::{eventually, get},
    proxy::Proxy,
    redis::Redis,
};

/// What is about people, or could be: it is in paths, headers and errors.
const PERSONAL: [&str; 11] = [
    "jane.doe",
    "acme-clinic",
    "4711",
    "no answer for user",
    "of tenant",
    "request-id-of-jane",
    "0af7651916cd43dd8448eb211c80319c",
    "bearer-of-jane",
    "cookie-of-jane",
    "browser-of-jane",
    "search-of-jane",
];

/// Everything that a server keeps, whatever its type.
fn everything(redis: &Redis) -> Vec<u8> {
    let mut found = Vec::new();
    for key in redis.keys("") {
        let kind: String = redis.ask(&["TYPE", &key]);
        let words: &[&str] = match kind.as_str() {
            "string" => &["GET", &key],
            "hash" => &["HGETALL", &key],
            "list" => &["LRANGE", &key, "0", "-1"],
            "set" => &["SMEMBERS", &key],
            "zset" => &["ZRANGE", &key, "0", "-1"],
            "none" => continue,
            other => panic!("{key} is a {other}"),
        };
        found.extend_from_slice(key.as_bytes());
        if kind == "string" {
            found.extend(redis.ask::<Vec<u8>>(words));
        } else {
            let parts: Vec<Vec<u8>> = redis.ask(words);
            found.extend(parts.concat());
        }
    }
    found
}

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes
        .windows(text.len())
        .any(|part| part.eq_ignore_ascii_case(text.as_bytes()))
}

#[test]
#[ignore = "needs redis-server; .ci/run installs it"]
fn nothing_personal_is_in_redis_nor_on_the_way_to_it() {
    let redis = Redis::start();
    let proxy = Proxy::to(redis.port());
    let member = Settings::at(&proxy.url())
        .with("PENDING_MS", "0")
        .with("GUIDE_KEYS", "clinic_perf")
        .start("shop-1");
    let paths = [
        "/tenants/acme-clinic/users/jane.doe",
        "/fails/jane.doe",
        "/orders/4711?search=search-of-jane",
        "/nothing/is/here/4711/jane.doe",
        "/fails/4711",
    ];
    let headers = "x-request-id: request-id-of-jane\r\n\
        traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n\
        authorization: Bearer bearer-of-jane\r\ncookie: session=cookie-of-jane\r\n\
        user-agent: browser-of-jane\r\n";
    for path in paths {
        get(&member.address, path, headers).unwrap();
    }
    let load = Load::on(&member.address, &paths, std::time::Duration::from_millis(5));
    // An alert fires about it.
    eventually("it fires", || {
        (member.ask("/alerts")[0]["state"] == "firing").then_some(())
    });
    eventually("fine counts are written", || {
        let fine = redis.keys("").into_iter().any(|key| key.contains(":fine:"));
        let alerts = redis
            .keys("")
            .into_iter()
            .any(|key| key.contains(":alerts"));
        (fine && alerts).then_some(())
    });
    let answered: Answered = load.stop();
    assert!(answered.errors() > 0);
    let (kept, sent) = (everything(&redis), proxy.sent());
    for template in [
        "/orders/{id}",
        "/tenants/{tenant}/users/{user}",
        "/fails/{user}",
    ] {
        assert!(holds(&kept, template), "{template} would be found");
        assert!(holds(&sent, template), "{template} would be found");
    }
    for text in PERSONAL {
        assert!(!holds(&kept, text), "{text} is kept");
        assert!(!holds(&sent, text), "{text} is sent");
    }
}

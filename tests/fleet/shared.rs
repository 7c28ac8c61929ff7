//! What instances share beside their numbers.

use std::{
    thread,
    time::{Duration, UNIX_EPOCH},
};

use serde_json::Value;

use crate::{
    load::{Answered, Load},
    member::{Member, Settings},
    programs::eventually,
    redis::Redis,
};

fn alert(member: &Member) -> Value {
    member.ask("/alerts")[0].clone()
}

#[test]
#[ignore = "needs redis-server; .ci/run installs it"]
fn a_silence_at_one_instance_holds_at_all_also_after_it_has_ended() {
    let redis = Redis::start();
    let settings = Settings::at(&redis.url()).with("PENDING_MS", "0");
    let names = ["one", "two", "three"];
    let mut members: Vec<_> = names.iter().map(|name| settings.start(name)).collect();
    let load = Load::on(
        &members[1].address,
        &["/fails/1"],
        Duration::from_millis(20),
    );
    eventually("it fires at all", || {
        let mut all = members.iter();
        all.all(|one| alert(one)["state"] == "firing").then_some(())
    });
    members[0].ask("/silence?text=too_many_errors");
    let until_muted = |members: &[Member]| {
        eventually("it is muted at all", || {
            let mut all = members.iter();
            all.all(|one| alert(one)["muted"] == true).then_some(())
        });
    };
    until_muted(&members);
    members.remove(0).kill();
    members.push(settings.start("four"));
    until_muted(&members);
    load.stop();
}

#[test]
#[ignore = "needs redis-server; .ci/run installs it"]
fn a_deployment_that_ten_instances_tell_is_one() {
    let redis = Redis::start();
    let settings = Settings::at(&redis.url());
    let all: Vec<_> = (0..10)
        .map(|one| settings.start(&format!("shop-{one}")))
        .collect();
    let known = |versions: &[&str]| {
        for member in &all {
            eventually("they are known", || {
                let known = member.ask("/deployments");
                let mut known: Vec<_> = known.as_array()?.iter().collect();
                known.sort_by_key(|one| one.to_string());
                (known == versions).then_some(())
            });
        }
    };
    for member in &all {
        member.ask("/deploy?text=1.4.2");
    }
    known(&["1.4.2"]);
    all[3].ask("/deploy?text=1.4.3");
    known(&["1.4.2", "1.4.3"]);
}

#[test]
#[ignore = "needs redis-server; .ci/run installs it"]
fn the_keys_of_guide_g4_are_written_once_a_minute() {
    let redis = Redis::start();
    let settings = Settings::at(&redis.url()).with("GUIDE_KEYS", "clinic_perf");
    let (one, other) = (settings.start("one"), settings.start("other"));
    Answered::of(&one.address, &["/orders/1"], 30);
    Answered::of(&other.address, &["/orders/2", "/fails/3"], 40);
    let read = |key: &str| -> Option<Value> {
        let text: Option<String> = redis.ask(&["GET", &format!("clinic_perf:{key}")]);
        serde_json::from_str(&text?).ok()
    };
    let orders = "endpoint_stats:/orders/{id}:GET";
    // One of the two writes them once a minute, and not before all have certainly written what they counted.
    let mut waits = (0..1_800).map(|_| {
        thread::sleep(Duration::from_millis(100));
        read(orders).filter(|stats| stats["total_requests"] == 50)
    });
    let stats = waits.find_map(|stats| stats).unwrap();
    let fields: Vec<_> = stats.as_object().unwrap().keys().cloned().collect();
    let expected = [
        "error_count",
        "last_updated",
        "status_codes",
        "total_duration",
        "total_requests",
    ];
    assert_eq!(fields, expected, "{stats}");
    assert_eq!(
        (&stats["error_count"], &stats["status_codes"]["200"]),
        (&0.into(), &50.into())
    );
    let fails = read("endpoint_stats:/fails/{user}:GET").unwrap();
    assert_eq!(
        (&fails["total_requests"], &fails["error_count"]),
        (&20.into(), &20.into())
    );
    // The statistics last a day from their last request, however long they waited for the turn to be written.
    let last = humantime::parse_rfc3339(stats["last_updated"].as_str().unwrap());
    let last = last.unwrap().duration_since(UNIX_EPOCH).unwrap();
    let ends = redis.ask(&["PEXPIRETIME", &format!("clinic_perf:{orders}")]);
    let off = Duration::from_millis(ends).abs_diff(last + Duration::from_secs(86_400));
    assert!(off < Duration::from_secs(10), "{off:?}");
    let health: u64 = redis.ask(&["TTL", "clinic_perf:health_status"]);
    assert!((240..=300).contains(&health), "{health}");
    let errors = redis
        .keys("")
        .into_iter()
        .filter(|key| key.starts_with("clinic_perf:error:"));
    for key in errors {
        let seconds: u64 = redis.ask(&["TTL", &key]);
        assert!((86_300..=86_400).contains(&seconds), "{key}: {seconds}");
    }
}

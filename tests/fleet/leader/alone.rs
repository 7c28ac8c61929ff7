//! Redis is gone while an alert ends, and then another one is in charge.

use super::*;
use crate::proxy::Mode;

#[test]
#[ignore = "needs redis-server and prometheus-alertmanager; .ci/run installs them"]
fn an_end_that_was_told_without_redis_is_told_once_if_another_one_leads_then() {
    let redis = Redis::start();
    let proxies = [0, 1].map(|_| Proxy::to(redis.port()));
    let people = People::new();
    let settings = proxies.each_ref().map(|one| people.settings(&one.url()));
    let mut crowd = Crowd::start(&settings);
    let mut told = Told::default();
    crowd.answer(&FAILING);
    crowd.until("firing");
    people.wait(&mut told, 0);
    // Until it has written down who was told, and the other one has read that.
    thread::sleep(INTERVAL * 4);
    let first = leader(&redis).unwrap();
    let place = crowd.members.iter().position(|one| one.name == first);
    let place = place.unwrap();
    for proxy in &proxies {
        proxy.set(Mode::Refuse);
    }
    crowd.answer(&GOOD);
    people.wait(&mut told, 1);
    proxies[1 - place].set(Mode::Pass);
    eventually("another one is in charge", || {
        leader(&redis).filter(|now| *now != first)
    });
    proxies[place].set(Mode::Pass);
    people.all(&mut told);
    println!("{told:?}");
    assert_eq!((told.slack, told.pagerduty), ([1, 1], [1, 1]));
    assert_eq!(told.dedup_keys.len(), 1);
    assert_eq!(told.alertmanager, [1, 1]);
    crowd.stop();
}

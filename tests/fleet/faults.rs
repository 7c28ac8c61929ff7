//! Breaks Redis in each way in which it breaks: the instances answer as before, count as before, say it once, and go on by
//! themselves.

use std::{ops::RangeInclusive, thread, time::Duration};

use crate::{
    load::{Answered, Load},
    member::{Member, Settings, Sums},
    programs::eventually,
    proxy::{Mode, Proxy},
    redis::Redis,
};

/// How long Redis is broken: longer than a timeout and the pause after it.
const BROKEN: Duration = Duration::from_secs(4);

const PAUSE: Duration = Duration::from_millis(2);

/// Two instances, one of them behind a proxy that a test breaks.
struct Pair {
    redis: Redis,
    proxy: Proxy,
    near: Member,
    far: Member,
}

/// Where the fault is seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Seen {
    /// By both instances.
    Both,
    /// By the one behind the proxy.
    Far,
    /// By nobody: what is lost is written again.
    Nobody,
    /// By the one behind the proxy, if it asked at that moment: each time it is back at the next tick.
    Hardly,
}

// === impl Pair ===

impl Pair {
    fn start() -> Self {
        Self::of(Redis::start(), "")
    }

    /// The instances have this password.
    fn behind(password: &str) -> Self {
        let redis = Redis::with_users();
        let set = format!(">{password}");
        redis.ask::<()>(&["ACL", "SETUSER", "default", "resetpass", &set]);
        Self::of(redis, &format!(":{password}@"))
    }

    fn of(redis: Redis, user: &str) -> Self {
        let proxy = Proxy::to(redis.port());
        let at = |port| Settings::at(&format!("redis://{user}127.0.0.1:{port}"));
        let near = at(redis.port()).start("near");
        let far = at(proxy.port()).start("far");
        Self {
            redis,
            proxy,
            near,
            far,
        }
    }

    /// Breaks it under load, mends it under load, and compares.
    fn survives(
        mut self,
        seen: Seen,
        breaks: impl FnOnce(&mut Self),
        mends: impl FnOnce(&mut Self),
    ) -> Vec<String> {
        let mut all = [Answered::default(), Answered::default()];
        self.under_load(&mut all, |pair| {
            // Until both have written something.
            eventually("the fleet is there", || {
                (pair.near.instances().len() == 2).then_some(())
            });
        });
        let before = self.quantile(&all);
        self.compare(&all);
        self.near.shows(sums(&all));
        self.under_load(&mut all, breaks);
        self.under_load(&mut all, |_| thread::sleep(BROKEN));
        let during = self.quantile(&all);
        // Nothing of its own is wrong, whatever became of Redis.
        self.compare(&all);
        self.under_load(&mut all, mends);
        self.compare(&all);
        self.near.shows(sums(&all));
        self.far.shows(sums(&all));
        println!("p99 before {before:?}, with the fault {during:?}");
        let times = match seen {
            Seen::Both => [1..=1, 1..=1],
            Seen::Far => [0..=0, 1..=1],
            Seen::Nobody => [0..=0, 0..=0],
            Seen::Hardly => [0..=0, 0..=2],
        };
        let members = [&self.near, &self.far].into_iter().zip(times);
        members
            .flat_map(|(member, times)| self.said(member, &times))
            .collect()
    }

    /// Both are asked all the time, and answer all of it.
    fn under_load(&mut self, all: &mut [Answered; 2], work: impl FnOnce(&mut Self)) {
        let paths = ["/orders/1", "/orders/2", "/fails/3", "/orders/4"];
        let loads = [&self.near, &self.far].map(|one| Load::on(&one.address, &paths, PAUSE));
        work(self);
        for (load, all) in loads.into_iter().zip(all) {
            let answered = load.stop();
            assert!(!answered.is_cut, "an answer is missing");
            for (status, count) in answered.statuses {
                *all.statuses.entry(status).or_default() += count;
            }
            all.took = answered.took;
        }
    }

    /// The p99 of the last load.
    fn quantile(&self, all: &[Answered; 2]) -> [Duration; 2] {
        [all[0].quantile(990), all[1].quantile(990)]
    }

    /// Each instance counted itself what it answered.
    fn compare(&self, all: &[Answered; 2]) {
        for (member, answered) in [&self.near, &self.far].into_iter().zip(all) {
            let mut known = answered.statuses.keys();
            assert!(known.all(|status| [200, 502].contains(status)));
            assert_eq!(member.own(), of(answered), "{}", member.name);
        }
    }

    /// One line when it goes and one when it is back, and counters that agree.
    fn said(&self, member: &Member, times: &RangeInclusive<usize>) -> Vec<String> {
        let lines = eventually("each line has its end", || {
            let lines = member.lines(" Redis is ");
            let is_whole = lines.len() >= 2 * times.start() && lines.len().is_multiple_of(2);
            is_whole.then_some(lines)
        });
        let count = |level: &str| lines.iter().filter(|line| line.contains(level)).count();
        let (gone, back) = (count(" WARN "), count(" INFO "));
        assert!(gone == back && times.contains(&gone), "{lines:#?}");
        let writes = ["unreachable", "timeout", "refused"].map(|outcome| {
            member.metric(&format!(
                "vitals_fleet_writes_total{{outcome=\"{outcome}\"}}"
            ))
        });
        assert_eq!(writes.iter().sum::<f64>() > 0.0, gone > 0, "{writes:?}");
        let up = member.metric("vitals_fleet_up");
        assert!((up - 1.0).abs() < 0.5, "{up}");
        lines
    }
}

fn of(answered: &Answered) -> Sums {
    Sums {
        requests: answered.all(),
        errors: answered.errors(),
    }
}

fn sums(all: &[Answered; 2]) -> Sums {
    of(&all[0]) + of(&all[1])
}

#[test]
#[ignore = "needs redis-server; .ci/run installs it"]
fn a_redis_that_refuses_costs_one_line_and_no_number() {
    let (breaks, mends) = (Mode::Refuse, Mode::Pass);
    let _ = Pair::start().survives(
        Seen::Far,
        |pair| pair.proxy.set(breaks),
        |pair| pair.proxy.set(mends),
    );
}

#[test]
#[ignore = "needs redis-server; .ci/run installs it"]
fn a_redis_that_hangs_costs_one_line_and_no_number() {
    let _ = Pair::start().survives(
        Seen::Far,
        |pair| pair.proxy.set(Mode::Hang),
        |pair| pair.proxy.set(Mode::Pass),
    );
}

#[test]
#[ignore = "needs redis-server; .ci/run installs it"]
fn a_redis_that_is_frozen_costs_one_line_and_no_number() {
    let _ = Pair::start().survives(
        Seen::Both,
        |pair| pair.redis.freeze(),
        |pair| pair.redis.thaw(),
    );
}

#[test]
#[ignore = "needs redis-server; .ci/run installs it"]
fn a_redis_that_takes_longer_than_the_timeout_costs_one_line_and_no_number() {
    let slow = Mode::Slow(Duration::from_millis(1_050));
    let _ = Pair::start().survives(
        Seen::Far,
        |pair| pair.proxy.set(slow),
        |pair| pair.proxy.set(Mode::Pass),
    );
}

#[test]
#[ignore = "needs redis-server; .ci/run installs it"]
fn a_redis_that_is_merely_slow_costs_nothing() {
    let slow = Mode::Slow(Duration::from_millis(400));
    let _ = Pair::start().survives(
        Seen::Nobody,
        |pair| pair.proxy.set(slow),
        |pair| pair.proxy.set(Mode::Pass),
    );
}

#[test]
#[ignore = "needs redis-server; .ci/run installs it"]
fn connections_that_are_cut_cost_no_number() {
    let _ = Pair::start().survives(
        Seen::Hardly,
        |pair| pair.proxy.cut(),
        |pair| pair.proxy.cut(),
    );
}

#[test]
#[ignore = "needs redis-server; .ci/run installs it"]
fn a_redis_that_is_started_again_empty_is_filled_again() {
    let _ = Pair::start().survives(
        Seen::Both,
        |pair| pair.redis.kill(),
        |pair| pair.redis.start_again(),
    );
}

#[test]
#[ignore = "needs redis-server; .ci/run installs it"]
fn a_redis_without_memory_costs_one_line_and_no_number() {
    let limit = |bytes: &'static str| {
        move |pair: &mut Pair| pair.redis.ask(&["CONFIG", "SET", "maxmemory", bytes])
    };
    let _ = Pair::start().survives(Seen::Both, limit("1"), limit("0"));
}

#[test]
#[ignore = "needs redis-server; .ci/run installs it"]
fn a_replica_that_takes_no_writes_costs_one_line_and_no_number() {
    let _ = Pair::start().survives(
        Seen::Both,
        // Nobody listens there.
        |pair| pair.redis.ask(&["REPLICAOF", "127.0.0.1", "1"]),
        |pair| pair.redis.ask(&["REPLICAOF", "NO", "ONE"]),
    );
}

#[test]
#[ignore = "needs redis-server; .ci/run installs it"]
fn a_password_that_is_wrong_costs_one_line_and_no_number() {
    let password = |password: &'static str| {
        move |pair: &mut Pair| {
            let password = format!(">{password}");
            let set = ["ACL", "SETUSER", "default", "resetpass", &password];
            pair.redis.ask::<()>(&set);
            // Who is in stays in.
            pair.redis
                .ask(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"])
        }
    };
    let pair = Pair::behind("the-old-one");
    let lines = pair.survives(Seen::Both, password("a-new-one"), password("the-old-one"));
    let told = lines.iter().any(|line| line.contains("-one"));
    assert!(!told, "a password is in a line: {lines:#?}");
}

#[test]
#[ignore = "needs redis-server; .ci/run installs it"]
fn keys_that_are_deleted_one_by_one_are_written_again() {
    let delete = |pair: &mut Pair| {
        for key in pair.redis.keys("") {
            pair.redis.ask::<u64>(&["DEL", &key]);
            thread::sleep(Duration::from_millis(20));
        }
    };
    let _ = Pair::start().survives(Seen::Nobody, delete, delete);
}

#[test]
#[ignore = "needs redis-server; .ci/run installs it"]
fn keys_that_are_evicted_are_written_again() {
    let evict = |pair: &mut Pair| {
        let redis = &pair.redis;
        redis.ask::<()>(&["CONFIG", "SET", "maxmemory-policy", "allkeys-random"]);
        let most = redis.info("used_memory") + 1024 * 1024;
        redis.ask::<()>(&["CONFIG", "SET", "maxmemory", &most.to_string()]);
        let filling = "x".repeat(64 * 1024);
        let filled = (0..1_000).take_while(|number| {
            redis.ask::<()>(&["SET", &format!("filling-{number}"), &filling]);
            redis.info("evicted_keys") < 60
        });
        assert!(filled.count() < 1_000, "nothing is evicted");
        redis.ask::<()>(&["CONFIG", "SET", "maxmemory", "0"]);
    };
    let _ = Pair::start().survives(Seen::Nobody, evict, |_| {});
}

#[test]
#[ignore = "needs redis-server; .ci/run installs it"]
fn a_flushed_redis_is_filled_again() {
    let flush = |pair: &mut Pair| pair.redis.ask(&["FLUSHALL"]);
    let _ = Pair::start().survives(Seen::Nobody, flush, flush);
}

#[test]
#[ignore = "needs redis-server and libfaketime; .ci/run installs them"]
fn a_clock_that_is_an_hour_off_changes_no_sum() {
    let redis = Redis::start();
    let settings = Settings::at(&redis.url());
    let right = settings.start("right");
    let early = settings.clone().clock("-1h").unwrap().start("early");
    let late = settings.clock("+1h").unwrap().start("late");
    let paths = ["/orders/1", "/fails/2"];
    let members = [&right, &early, &late];
    let mut all = Sums::default();
    for (member, many) in members.iter().zip([300, 500, 700]) {
        all = all + of(&Answered::of(&member.address, &paths, many));
    }
    for member in members {
        member.shows(all);
        let instances = member.instances();
        let lost = instances.iter().filter(|(.., is_lost)| *is_lost);
        assert_eq!((instances.len(), lost.count()), (3, 0), "{instances:?}");
    }
}

#[test]
#[ignore = "needs redis-server; .ci/run installs it"]
fn without_a_redis_a_service_starts_serves_and_joins_later() {
    let mut redis = Redis::start();
    redis.kill();
    let member = Settings::at(&redis.url()).start("alone");
    let answered = Answered::of(&member.address, &["/orders/1", "/fails/2"], 200);
    assert_eq!(member.own(), of(&answered));
    assert_eq!(member.fleet(), None);
    redis.start_again();
    member.shows(of(&answered));
}

#[test]
#[ignore = "needs redis-server; .ci/run installs it"]
fn an_instance_goes_on_asking_a_redis_that_ends_its_connections() {
    let redis = Redis::start();
    let proxy = Proxy::to(redis.port());
    proxy.set(Mode::End);
    let member = Settings::at(&proxy.url()).start("patient");
    let tried = eventually("it has tried ten times", || {
        let tried = proxy.connected();
        (tried.len() >= 10).then_some(tried)
    });
    let pauses: Vec<_> = tried.windows(2).map(|two| two[1] - two[0]).collect();
    println!("pauses between attempts: {pauses:?}");
    assert_eq!(member.lines(" Redis is ").len(), 1);
    proxy.set(Mode::Pass);
    member.shows(member.own());
    eventually("it says that Redis is back", || {
        (member.lines(" Redis is ").len() == 2).then_some(())
    });
}

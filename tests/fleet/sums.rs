//! Adds up what processes answered that crash, freeze and start again.

use std::{thread, time::Duration};

use tokio::time::Instant;

use crate::{
    load::{Answered, Load},
    member::{Member, Settings, Sums},
    programs::eventually,
    redis::Redis,
};

/// One of eight fails.
const PATHS: [&str; 8] = [
    "/orders/1",
    "/orders/2",
    "/fails/3",
    "/orders/4",
    "/orders/5",
    "/orders/6",
    "/orders/7",
    "/orders/8",
];

const EACH: usize = 10_000;

/// The slots of these tests.
const TICK: Duration = Duration::from_millis(100);

fn sums(answered: &Answered) -> Sums {
    Sums {
        requests: answered.all(),
        errors: answered.errors(),
    }
}

/// What three instances answered: one goes on, one is frozen for so long, one is killed and started again.
fn three_instances(frozen_for: Duration) {
    let redis = Redis::start();
    let settings = Settings::at(&redis.url());
    let steady = settings.start("steady");
    let frozen = settings.start("frozen");
    let mut killed = settings.start("killed");

    let answered = thread::scope(|scope| {
        let one = scope.spawn(|| Answered::of(&steady.address, &PATHS, EACH));
        let other = scope.spawn(|| Answered::of(&frozen.address, &PATHS, EACH / 2));
        (one.join().unwrap(), other.join().unwrap())
    });
    let mut all = sums(&answered.0) + sums(&answered.1);
    steady.shows(all);

    // It is killed while it answers.
    let load = Load::on(&killed.address, &PATHS, Duration::from_micros(500));
    eventually("it answers", || {
        let requests = steady.fleet()?.requests;
        (requests > all.requests + 1_000).then_some(())
    });
    let at = Instant::now();
    killed.kill();
    let answers = load.stop();
    // With some slack for a busy machine.
    let (at_least, at_most) = (answers.before(at - TICK * 4), answers.all() + 1);
    // It is still there after all that it wrote has come in.
    let left = settled(&steady).requests - all.requests;
    println!("killed: {left} of {}, at least {at_least}", answers.all());
    assert!((at_least..=at_most).contains(&left), "{left}");
    all = settled(&steady);

    // Its successor is an instance of its own, with the same name.
    let again = settings.start("killed");
    let rest = EACH - answers.all() as usize % EACH;
    all = all + sums(&Answered::of(&again.address, &PATHS, rest));
    steady.shows(all);
    assert_eq!(again.own().requests, rest as u64);

    // It stands still with numbers that it has not written, and goes on.
    let half = EACH / 4;
    all = all + sums(&Answered::of(&frozen.address, &PATHS, half));
    frozen.freeze();
    thread::sleep(frozen_for);
    all = all + sums(&Answered::of(&steady.address, &PATHS, half));
    frozen.thaw();
    all = all + sums(&Answered::of(&frozen.address, &PATHS, half));
    steady.shows(all);
    frozen.shows(all);
    assert_eq!(settled(&again), all, "nothing is counted twice");
    println!("answered {all:?} of three instances");
    assert!(all.requests >= 30_000, "{all:?}");
}

/// What an instance shows once it has shown the same for ten ticks.
fn settled(member: &Member) -> Sums {
    let mut last = (member.fleet(), Instant::now());
    eventually("the sums stay", || {
        let now = member.fleet();
        if now != last.0 {
            last = (now, Instant::now());
        }
        now.filter(|_| last.1.elapsed() > TICK * 10)
    })
}

#[test]
#[ignore = "needs redis-server; .ci/run installs it"]
fn three_processes_add_up_though_one_is_killed_one_frozen_and_one_started_again() {
    three_instances(Duration::from_secs(6));
}

#[test]
#[ignore = "needs redis-server; .ci/run installs it"]
fn a_process_that_was_frozen_for_a_minute_counts_nothing_twice() {
    three_instances(Duration::from_secs(60));
}

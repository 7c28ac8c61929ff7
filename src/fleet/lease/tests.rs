//! Asks a real Redis.

use super::*;
use crate::fleet::{real_redis::RealRedis, settings::Fleet};

const FIRST_ALONE: u64 = 1 << 32;
const MINUTE: Duration = Duration::from_secs(60);

fn lease(server: &RealRedis) -> Lease {
    let fleet = Fleet::at(&server.url()).unwrap();
    let checked = fleet.timeout(Duration::from_secs(10)).checked().unwrap();
    let keys = Keys::new("shop", "production");
    let links = [Link::new(&checked), Link::new(&checked)];
    Lease::new(links, keys, StartId::random(), FIRST_ALONE)
}

fn command<T: FromRedisValue>(lease: &Lease, words: &[&str]) -> T {
    let mut command = cmd(words[0]);
    command.arg(&words[1..]);
    lease.ask(command).unwrap()
}

#[test]
#[ignore = "needs redis-server"]
fn one_start_holds_the_lease_and_another_one_takes_it_with_a_greater_number() {
    let server = RealRedis::start();
    let (one, other) = (lease(&server), lease(&server));
    let held = one.hold(MINUTE).unwrap();
    assert_eq!(held.fence, Some(1));
    assert_eq!(one.hold(MINUTE).unwrap().fence, Some(1), "it is renewed");
    let refused = other.begin(MINUTE).unwrap();
    assert_eq!(refused.holding.fence, None);
    assert!(refused.holding.now >= held.now);
    let left: u64 = command(&one, &["PTTL", &one.keys.lease()]);
    assert!((1..=60_000).contains(&left), "{left}");
    assert!(one.write(1, "first", &[], &[]).unwrap());
    assert!(!other.write(1, "stolen", &[], &[]).unwrap());

    // It has run out while its holder was frozen.
    let _: u8 = command(&other, &["DEL", &one.keys.lease()]);
    let found = other.begin(MINUTE).unwrap();
    assert_eq!(found.holding.fence, Some(2));
    assert_eq!(found.document.as_deref(), Some("first"));
    assert!(!one.write(1, "late", &[], &[]).unwrap());
    assert!(!other.write(1, "late", &[], &[]).unwrap(), "an old number");
    assert!(other.write(2, "second", &[], &[]).unwrap());
    let found = one.begin(MINUTE).unwrap();
    assert_eq!(found.document.as_deref(), Some("second"));
    let left: u64 = command(&one, &["PTTL", &one.keys.alerts()]);
    assert!((1..=691_200_000).contains(&left), "{left}");
}

#[test]
#[ignore = "needs redis-server"]
fn silences_of_all_have_numbers_of_their_own() {
    let server = RealRedis::start();
    let (one, other) = (lease(&server), lease(&server));
    assert_eq!(one.begin(MINUTE).unwrap().silences, None);
    assert_eq!(one.silence("a", 0).unwrap(), 1);
    assert_eq!(other.silence("b", 0).unwrap(), 2);
    // One that was made without Redis keeps its number.
    let alone = (FIRST_ALONE + 7, "c".to_owned());
    one.put_silences(std::slice::from_ref(&alone), false)
        .unwrap();
    assert_eq!(other.silence("d", 0).unwrap(), 3);
    assert!(other.end_silence(1).unwrap());
    assert!(!one.end_silence(1).unwrap());
    // What has ended is not added again by one that does not know it.
    one.put_silences(&[(1, "a".to_owned())], true).unwrap();
    let mut found = other.begin(MINUTE).unwrap().silences.unwrap();
    found.sort();
    let rest = [(2, "b".to_owned()), (3, "d".to_owned()), alone];
    assert_eq!(found, rest);

    // All data are lost, and an instance has them still.
    let _: () = command(&one, &["FLUSHALL"]);
    assert_eq!(one.begin(MINUTE).unwrap().silences, None);
    one.put_silences(&rest, true).unwrap();
    assert_eq!(other.silence("e", 0).unwrap(), 4);
    let found = other.begin(MINUTE).unwrap().silences.unwrap();
    assert_eq!(found.len(), 4);
    assert_eq!(other.silence("f", 9).unwrap(), 10);
}

#[test]
#[ignore = "needs redis-server"]
fn what_is_written_down_is_no_question_any_more() {
    let server = RealRedis::start();
    let (one, other) = (lease(&server), lease(&server));
    assert_eq!(one.hold(MINUTE).unwrap().fence, Some(1));
    let id = other.silence("a", 0).unwrap();
    other.note("f1", "ada").unwrap();
    other.note("f1", "bob").unwrap();
    other.note("f2", "cleo").unwrap();
    let mut notes = one.begin(MINUTE).unwrap().notes;
    notes.sort();
    let pair = |name: &str, note: &str| (name.to_owned(), note.to_owned());
    assert_eq!(notes, [pair("f1", "ada"), pair("f2", "cleo")]);
    assert!(one.write(1, "{}", &["f1".to_owned()], &[id]).unwrap());
    let found = other.begin(MINUTE).unwrap();
    assert_eq!(found.notes, [pair("f2", "cleo")]);
    assert_eq!(found.silences, Some(Vec::new()));
}

#[test]
#[ignore = "needs redis-server"]
fn who_was_too_slow_to_keep_the_lease_is_in_charge_if_nobody_took_it() {
    let server = RealRedis::start();
    let (one, other) = (lease(&server), lease(&server));
    assert_eq!(one.begin(MINUTE).unwrap().holding.fence, Some(1));
    // It has run out.
    let _: u8 = command(&one, &["DEL", &one.keys.lease()]);
    assert!(one.write(1, "slow", &[], &[]).unwrap());
    let found = other.begin(MINUTE).unwrap();
    assert_eq!(found.holding.fence, None, "it holds the lease again");
    assert_eq!(found.document.as_deref(), Some("slow"));
    let left: u64 = command(&one, &["PTTL", &one.keys.lease()]);
    assert!((1..=60_000).contains(&left), "{left}");

    // Somebody had it in the meantime, and has lost it, too.
    let _: u8 = command(&one, &["DEL", &one.keys.lease()]);
    assert_eq!(other.hold(MINUTE).unwrap().fence, Some(2));
    let _: u8 = command(&one, &["DEL", &one.keys.lease()]);
    assert!(!one.write(1, "late", &[], &[]).unwrap());
    // Nor after the loss of all data.
    let _: () = command(&one, &["FLUSHALL"]);
    assert!(!other.write(2, "late", &[], &[]).unwrap());
}

#[test]
#[ignore = "needs redis-server"]
fn a_lease_is_kept_while_its_holder_evaluates() {
    let server = RealRedis::start();
    let one = lease(&server);
    let short = Duration::from_secs(2);
    assert_eq!(one.begin(short).unwrap().holding.fence, Some(1));
    // Each time it is renewed a third of it is over: more than it lasts.
    let mut renewed = 0;
    let mut before = 0_u64;
    while renewed < 4 {
        let left: i64 = command(&one, &["PTTL", &one.keys.lease()]);
        assert!(left > 0, "it has run out");
        renewed += u32::from(left.unsigned_abs() > before);
        before = left.unsigned_abs();
    }
    one.give_up(false).unwrap();
}

#[test]
#[ignore = "needs redis-server"]
fn a_lease_that_is_given_up_is_taken_at_once_by_another_start() {
    let server = RealRedis::start();
    let (one, other) = (lease(&server), lease(&server));
    assert_eq!(one.begin(MINUTE).unwrap().holding.fence, Some(1));
    assert!(one.write(1, "first", &[], &[]).unwrap());
    assert!(one.is_held());
    other.give_up(true).unwrap();
    let holder: String = command(&one, &["GET", &one.keys.lease()]);
    assert_eq!(holder, one.holder.to_string(), "only by its holder");
    one.give_up(false).unwrap();
    assert!(!one.write(1, "late", &[], &[]).unwrap());
    assert_eq!(one.hold(MINUTE).unwrap().fence, None, "it takes it no more");
    // The other one gave up what it did not hold: it rests only after it held it.
    assert_eq!(other.begin(MINUTE).unwrap().holding.fence, Some(2));
    other.give_up(true).unwrap();
    other.give_up(true).unwrap();
    assert_eq!(other.begin(MINUTE).unwrap().holding.fence, None);
    let third = lease(&server);
    assert_eq!(third.hold(MINUTE).unwrap().fence, Some(3));
}

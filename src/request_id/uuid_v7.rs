//! Makes UUIDs of version 7: unique, and in ascending order for each thread.

use std::{cell::Cell, ops::Range, time::Duration};

use http::HeaderValue;
use tokio::time::Instant;
use uuid::{Uuid, fmt::Hyphenated};

use crate::facts::kept_text;

/// How long the wall clock is not asked again. An id shows no more than the millisecond.
const TRUSTED: Duration = Duration::from_millis(1);

/// If the wall clock is set back by less, in milliseconds, the ids wait for it. Else they go back with it.
const LONGEST_STEP_BACK: u64 = 10_000;

/// The bits of a UUID that are neither its time nor its version.
const COUNTER_BITS: u32 = 74;

/// How many of them stand behind the variant.
const LOW_BITS: u32 = 62;

/// The largest step from one id to the next of the same millisecond. Nobody can guess an id from the one before.
const LARGEST_STEP: u64 = 1 << 40;

/// Where the digits of each byte of an id begin. There is a dash before the fifth, the seventh, the ninth and the eleventh byte.
const PLACES: [usize; 16] = [0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34];

static DIGITS: [[u8; 2]; 256] = digits();

/// The last id of a thread, and how the thread tells the time.
#[derive(Clone, Copy)]
struct Last {
    /// From when until when the wall clock is not asked again.
    asked: Instant,
    until: Instant,
    /// The time and the counter of the last id.
    millis: u64,
    counter: u128,
}

thread_local! {
    static LAST: Cell<Option<Last>> = const { Cell::new(None) };
}

/// A new id at the time `now`.
pub(crate) fn new_id(now: Instant) -> HeaderValue {
    // This thread-local has no destructor, so it is never gone.
    let last = next(LAST.get(), now, wall_clock, fastrand::u64);
    LAST.set(Some(last));
    // Shared from the start, since the request, the exchange and the response have it.
    let text = kept_text::copy(&text_of(last.id()));
    // Hexadecimal digits and dashes are always a header value. The fallback replaces an `expect`.
    HeaderValue::from_maybe_shared(text).unwrap_or(HeaderValue::from_static("unknown"))
}

/// The text of an id. Two digits are written together.
#[inline]
fn text_of(id: Uuid) -> [u8; Hyphenated::LENGTH] {
    let mut text = [b'-'; Hyphenated::LENGTH];
    for (byte, place) in id.as_bytes().iter().zip(PLACES) {
        let [high, low] = DIGITS[usize::from(*byte)];
        text[place] = high;
        text[place + 1] = low;
    }
    text
}

/// The two digits of each byte.
const fn digits() -> [[u8; 2]; 256] {
    const HEXADECIMAL: &[u8; 16] = b"0123456789abcdef";
    let mut digits = [[0; 2]; 256];
    let mut byte = 0;
    while byte < digits.len() {
        digits[byte] = [HEXADECIMAL[byte >> 4], HEXADECIMAL[byte & 0xf]];
        byte += 1;
    }
    digits
}

fn wall_clock() -> u64 {
    #[expect(clippy::disallowed_types, reason = "a UUIDv7 holds the wall clock")]
    let since = std::time::SystemTime::UNIX_EPOCH.elapsed();
    since.map_or(0, |since| since.as_millis() as u64)
}

/// The next id of a thread. In one millisecond the counter grows by a random step. In the next it begins anew.
#[inline]
fn next(
    last: Option<Last>,
    now: Instant,
    wall_clock: impl FnOnce() -> u64,
    random: impl Fn(Range<u64>) -> u64,
) -> Last {
    let Some(last) = last else {
        return first(now, wall_clock(), random);
    };
    let is_fresh = last.asked <= now && now < last.until;
    if !is_fresh {
        let millis = wall_clock();
        if millis > last.millis || last.millis - millis >= LONGEST_STEP_BACK {
            return first(now, millis, random);
        }
    }
    let counter = last.counter + u128::from(random(1..LARGEST_STEP));
    Last {
        asked: if is_fresh { last.asked } else { now },
        until: if is_fresh { last.until } else { now + TRUSTED },
        // If the counter is full, the next millisecond is borrowed.
        millis: last.millis + (counter >> COUNTER_BITS) as u64,
        counter: counter & ((1 << COUNTER_BITS) - 1),
    }
}

/// The first id of a millisecond. The highest bit of its counter is free, so that it is not full soon.
fn first(now: Instant, millis: u64, random: impl Fn(Range<u64>) -> u64) -> Last {
    let high = u128::from(random(0..1 << (COUNTER_BITS - 1 - LOW_BITS)));
    let low = u128::from(random(0..1 << LOW_BITS));
    Last {
        asked: now,
        until: now + TRUSTED,
        millis,
        counter: high << LOW_BITS | low,
    }
}

// === impl Last ===

impl Last {
    fn id(&self) -> Uuid {
        let time = u128::from(self.millis) << 80;
        let [version, variant] = [7 << 76, 0b10 << LOW_BITS];
        let high = (self.counter >> LOW_BITS) << 64;
        let low = self.counter & ((1 << LOW_BITS) - 1);
        Uuid::from_u128(time | version | high | variant | low)
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::HashSet, thread};

    use super::*;

    const THREADS: usize = 8;
    const EACH: usize = 625_000;

    fn uuid() -> Uuid {
        Uuid::parse_str(new_id(Instant::now()).to_str().unwrap()).unwrap()
    }

    #[test]
    fn five_million_ids_are_unique_and_those_of_a_thread_ascend() {
        let of_thread = |_| {
            thread::spawn(|| {
                let now = Instant::now();
                let mut last = next(None, now, wall_clock, fastrand::u64);
                let mut ids = Vec::with_capacity(EACH);
                for _ in 0..EACH {
                    last = next(Some(last), Instant::now(), wall_clock, fastrand::u64);
                    ids.push(last.id().as_u128());
                }
                assert!(ids.is_sorted_by(|one, next| one < next));
                ids
            })
        };
        let threads: Vec<_> = (0..THREADS).map(of_thread).collect();
        let ids = threads
            .into_iter()
            .flat_map(|thread| thread.join().unwrap());
        let mut ids: Vec<_> = ids.collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), THREADS * EACH);
    }

    #[test]
    fn an_id_is_written_as_every_uuid_is() {
        for _ in 0..1_000 {
            let id = Uuid::from_u128(fastrand::u128(..));
            assert_eq!(text_of(id), *id.hyphenated().to_string().as_bytes());
        }
    }

    #[test]
    fn an_id_is_a_uuid_of_version_7_with_the_time_of_the_wall_clock() {
        let before = wall_clock();
        let ids: HashSet<Uuid> = (0..1_000).map(|_| uuid()).collect();
        let after = wall_clock();
        assert_eq!(ids.len(), 1_000);
        for id in ids {
            assert_eq!(id.get_version_num(), 7, "{id}");
            assert_eq!(id.get_variant(), uuid::Variant::RFC4122, "{id}");
            let millis = id.as_u128() >> 80;
            // The clock can have been asked up to a millisecond before.
            let times = u128::from(before) - 1..=u128::from(after);
            assert!(times.contains(&millis), "{id}: {millis}");
        }
    }

    /// The ids of the times that the wall clock tells, each a second after the other.
    fn ids(times: &[u64]) -> Vec<Last> {
        let begun = Instant::now();
        let mut last = None;
        let mut seconds = 0..;
        let of_time = |time: &u64| {
            let now = begun + Duration::from_secs(seconds.next().unwrap());
            last = Some(next(last, now, || *time, |range| range.end - 1));
            last.unwrap()
        };
        times.iter().map(of_time).collect()
    }

    #[test]
    fn a_clock_that_is_set_back_a_little_does_not_set_back_the_ids() {
        let [first, waits, follows, far] = ids(&[20_000, 15_000, 20_001, 5_000])[..] else {
            unreachable!()
        };
        assert_eq!(
            [first, waits, follows].map(|id| id.millis),
            [20_000, 20_000, 20_001]
        );
        assert!(first.id() < waits.id() && waits.id() < follows.id());
        assert_eq!(
            far.millis, 5_000,
            "a clock that was wrong is not followed for ever"
        );
    }

    #[test]
    fn a_full_counter_borrows_the_next_millisecond() {
        let now = Instant::now();
        let full = Last {
            asked: now,
            until: now + TRUSTED,
            millis: 7,
            counter: (1 << COUNTER_BITS) - 1,
        };
        let after = next(Some(full), now, || unreachable!(), |_| 1);
        assert_eq!((after.millis, after.counter), (8, 0));
        assert!(full.id() < after.id());
    }

    #[test]
    fn the_wall_clock_is_asked_again_after_a_millisecond_and_if_the_clock_goes_back() {
        let now = Instant::now();
        let last = next(None, now, || 7, |range| range.start);
        let time = |now| next(Some(last), now, || 9, |range| range.start).millis;
        assert_eq!(time(now), 7);
        assert_eq!(time(now + TRUSTED - Duration::from_nanos(1)), 7);
        assert_eq!(time(now + TRUSTED), 9);
        assert_eq!(
            time(now - Duration::from_nanos(1)),
            9,
            "as a paused clock can"
        );
    }
}

//! What a window takes.

use tokio::time::Instant;

use super::*;

/// Readings of so many endpoints with two statuses each.
fn readings(endpoints: usize) -> Readings {
    let mut live = Readings::default();
    live.counts.push((Key::Totals, vec![0; totals::COUNTS]));
    for endpoint in 0..endpoints {
        let Key::Requests {
            endpoint: name,
            method,
            status,
        } = request_key(endpoint)
        else {
            unreachable!();
        };
        let failed = Key::Requests {
            endpoint: Arc::clone(&name),
            method,
            status: StatusLabel::at(500),
        };
        let found = Key::Requests {
            endpoint: name,
            method,
            status,
        };
        live.counts.push((found, vec![0; requests::COUNTS]));
        live.counts.push((failed, vec![0; requests::COUNTS]));
        live.durations
            .push((duration_key(endpoint), vec![0; BUCKETS]));
    }
    live
}

/// Adds so many requests to each endpoint. Their durations are spread as in a service: most are near each other.
fn add(live: &mut Readings, each: usize) {
    for endpoint in 0..live.durations.len() {
        for _ in 0..each {
            let spread: f64 = (0..6).map(|_| fastrand::f64() - 0.5).sum();
            let bucket = (80.0 + endpoint as f64 % 40.0 + spread * 25.0)
                .clamp(0.0, BUCKETS as f64 - 1.0) as usize;
            live.durations[endpoint].1[bucket] += 1;
            let failed = usize::from(fastrand::u32(0..100) == 0);
            let counts = &mut live.counts[1 + endpoint * 2 + failed].1;
            counts[requests::ALL] += 1;
            counts[requests::MEASURED] += 1;
            counts[requests::NANOS] += 70_000 << (bucket / 10);
            counts[requests::SEVERITIES + bucket / 60] += 1;
            live.counts[0].1[totals::STARTED] += 1;
            live.counts[0].1[totals::OUTCOMES] += 1;
        }
    }
}

/// Adds a request in each bucket to each endpoint: no traffic takes more.
fn add_to_every_bucket(live: &mut Readings) {
    for (_, buckets) in &mut live.durations {
        buckets.iter_mut().for_each(|bucket| *bucket += 1);
    }
    for (key, counts) in &mut live.counts {
        let more = if *key == Key::Totals {
            1
        } else {
            BUCKETS as u64 / 2
        };
        counts.iter_mut().for_each(|count| *count += more);
    }
}

fn at(slot: u64) -> Moment {
    Moment {
        monotonic: ms(slot * 10_000),
        wall: ms(START + slot * 10_000),
    }
}

#[test]
fn what_does_not_change_costs_nothing() {
    let mut live = readings(50);
    add(&mut live, 20);
    let mut ring = Ring::new(settings(10_000), at(0));
    for slot in 1..=200 {
        ring.tick(at(slot), &live);
    }
    let quiet = ring.memory();
    for slot in 201..=236 {
        ring.tick(at(slot), &live);
    }
    // Only the list of slots can have grown.
    assert!(ring.memory() < quiet + 20_000, "{quiet} {}", ring.memory());
}

/// A process with 40 endpoints, of which one is busy.
fn with_a_busy_endpoint(settings: Settings) -> (Ring, Readings) {
    let mut live = readings(40);
    let mut ring = Ring::new(settings, at(0));
    for slot in 1..=1_500 {
        add(&mut live, 4);
        for bucket in &mut live.durations[33].1[100..150] {
            *bucket += fastrand::u64(1..9);
        }
        ring.tick(at(slot), &live);
        let memory = ring.memory();
        assert!(memory <= settings.budget, "{slot}: {memory}");
    }
    (ring, live)
}

#[test]
fn above_the_budget_quiet_endpoints_lose_old_durations_and_no_counts() {
    let settings = settings(10_000);
    let (unbounded, _) = with_a_busy_endpoint(settings);
    assert_eq!(unbounded.given_up(), 0);
    let budget = unbounded.memory() - unbounded.durations.memory() / 4;
    let (ring, live) = with_a_busy_endpoint(settings.budget(budget));
    assert!(ring.given_up() > 0);
    let sums = |window: u64| ring.sums(Span::Last(ms(window)), at(1_500), &live, |_| true);
    let all = sums(u64::MAX);
    let counted = live.counts.iter().filter(|(_, counts)| counts[0] > 0);
    assert_eq!(all.counts, counted.cloned().collect());
    assert_eq!(all.durations.len(), 40);
    let kept = |sums: &Sums| sums.durations.values().flatten().count();
    assert!(kept(&all) < 40 && kept(&all) > 0, "{}", kept(&all));
    let busy = &all.durations[&duration_key(33)];
    assert_eq!(busy.as_ref(), Some(&live.durations[33].1));
    // The newest are there for all.
    assert_eq!(kept(&sums(60_000)), 40);
}

#[test]
fn a_budget_of_nothing_leaves_all_counts() {
    let mut live = readings(10);
    let mut ring = Ring::new(settings(10_000).budget(0), at(0));
    for slot in 1..=500 {
        add(&mut live, 2);
        ring.tick(at(slot), &live);
    }
    let sums = ring.sums(Span::Last(ms(u64::MAX)), at(500), &live, |_| true);
    assert_eq!(started(&sums), 10_000);
    assert!(sums.durations.values().all(Option::is_none));
}

/// Instead of a number of requests.
const EVERY_BUCKET: usize = 0;

/// Prints what a day takes. With optimisation a tick is ten times as fast.
#[test]
#[ignore = "takes minutes without optimisation"]
fn a_day_of_a_thousand_endpoints_is_within_the_budget() {
    for endpoints in [10, 100, 1_000] {
        for each in [1, 20, EVERY_BUCKET] {
            let mut live = readings(endpoints);
            let settings = settings(10_000);
            let mut ring = Ring::new(settings, at(0));
            let (mut ticks, mut half_hourly) = (Vec::new(), Vec::new());
            for slot in 1..=8_640 {
                match each {
                    EVERY_BUCKET => add_to_every_bucket(&mut live),
                    _ => add(&mut live, each),
                }
                let begun = Instant::now();
                ring.tick(at(slot), &live);
                ticks.push(begun.elapsed());
                // Each half-hour all slots end.
                if slot % 180 == 0 {
                    half_hourly.push(begun.elapsed());
                }
                assert!(ring.memory() <= settings.budget);
            }
            let given_up = ring.given_up();
            let [counts, durations] = [&ring.counts, &ring.durations].map(|track| track.memory());
            let begun = Instant::now();
            let sums = ring.sums(Span::Last(ms(86_400_000)), at(8_640), &live, |_| true);
            let day = begun.elapsed();
            assert_eq!(sums.counts.len(), 1 + 2 * endpoints);
            let begun = Instant::now();
            drop(ring.sums(Span::Last(ms(300_000)), at(8_640), &live, |_| true));
            let five_minutes = begun.elapsed();
            let begun = Instant::now();
            let (bytes, left_out) = ring.write(at(8_640), &live, 16 << 20);
            let write = begun.elapsed();
            ticks.sort_unstable();
            half_hourly.sort_unstable();
            println!(
                "{endpoints} endpoints, {each} requests a slot: {} bytes (counts {counts}, durations {durations}), given up {given_up}; \
                 tick median {:?}, 99 % {:?}, most {:?}, half-hourly {:?} to {:?}, median {:?}; sums of a day {day:?}, of 5 min {five_minutes:?}; stored {} bytes in {write:?}, {left_out} left out",
                ring.memory(),
                ticks[4_320],
                ticks[8_553],
                ticks[8_639],
                half_hourly[0],
                half_hourly[47],
                half_hourly[24],
                bytes.len()
            );
        }
    }
}

//! Counts allocations; a program of its own, since the allocator that counts costs instructions.

use std::{env, future, task::Poll};

use allocation_counter::measure;
use tower::ServiceExt;
use tower_vitals_benches::{Case, Driver, Subject};

const REQUESTS: u64 = 1_000;
const OPEN: usize = 10_000;

fn main() {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["request", subject, case] => request(Subject::named(subject), Case::named(case)),
        ["unscraped", subject, millions] => {
            let millions: usize = millions.parse().expect("a number");
            unscraped(Subject::named(subject), millions * 1_000_000);
        }
        ["open", subject, case] => open(Subject::named(subject), case),
        _ => panic!("run by the benches, not by hand"),
    }
}

/// Allocations and bytes a request.
fn request(subject: &Subject, case: Case) {
    let driver = Driver::new(subject);
    driver.run(case, 100);
    let info = measure(|| driver.run(case, REQUESTS as usize));
    println!(
        "{} {}",
        info.count_total / REQUESTS,
        info.bytes_total / REQUESTS
    );
}

/// Bytes at the peak and in the end.
fn unscraped(subject: &Subject, requests: usize) {
    let driver = Driver::new(subject);
    let info = measure(|| driver.run(Case::Found, requests));
    println!("{} {}", info.bytes_max, info.bytes_current);
}

/// Bytes of each of many requests that have no end.
fn open(subject: &Subject, case: &str) {
    let driver = Driver::new(subject);
    driver.run(Case::Found, 100);
    let mut answers = Vec::with_capacity(OPEN);
    let mut bodies = Vec::with_capacity(OPEN);
    let waiting = match case {
        "waiting, 4 headers" => Case::WaitingShort,
        _ => Case::Waiting,
    };
    let mut futures = Vec::with_capacity(OPEN);
    let info = measure(|| {
        driver.block_on(async {
            for _ in 0..OPEN {
                if case.starts_with("streaming") {
                    let answer = driver.app().oneshot(Case::Streaming.request()).await;
                    let answer = answer.expect("an answer");
                    match case {
                        "streaming" => answers.push(answer),
                        // As hyper, which has written the head.
                        _ => bodies.push(answer.into_body()),
                    }
                    continue;
                }
                let mut answer = Box::pin(driver.app().oneshot(waiting.request()));
                let first = future::poll_fn(|context| Poll::Ready(answer.as_mut().poll(context)));
                assert!(first.await.is_pending());
                futures.push(answer);
            }
        });
    });
    println!("{}", info.bytes_current / OPEN as i64);
}

use allocation_counter::measure;
use futures::{FutureExt, StreamExt};
use tokio::{runtime::Builder, task};

use super::{generated::health_server::Health as _, *};
use crate::health::Role;

type Watcher = <GrpcHealthProbe as generated::health_server::Health>::WatchStream;

const WATCHERS: usize = 10_000;

/// Lets every task go as far as it can; a turn of the scheduler runs dozens of them.
async fn settle() {
    for _ in 0..WATCHERS / 10 {
        task::yield_now().await;
    }
}

/// Reads to the end of a stream; gives what it said last. The clock is ours, so a stream without an end costs no minute.
async fn read_to_end(watcher: &mut Watcher) -> Option<ServingStatus> {
    let mut last = None;
    let end = async {
        while let Some(said) = watcher.next().await {
            last = Some(said.unwrap().status());
        }
    };
    time::timeout(Duration::from_secs(60), end).await.unwrap();
    last
}

/// Reads what each has to say now; gives how many said nothing.
fn read_what_waits(watchers: &mut [Watcher]) -> usize {
    let read = |watcher: &mut Watcher| watcher.next().now_or_never().is_none();
    watchers
        .iter_mut()
        .filter_map(|watcher| read(watcher).then_some(()))
        .count()
}

#[test]
fn ten_thousand_watchers_cost_a_task_and_a_message_each_and_leave_nothing() {
    let runtime = Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    let health = runtime.block_on(async {
        let health = Health::builder().manual("database", Role::Critical);
        health.start().unwrap()
    });
    let probe = GrpcHealthProbe {
        health: health.clone(),
        names: ["".to_owned()].into(),
    };
    let alive = || runtime.metrics().num_alive_tasks();
    let open = async || {
        let mut watchers = Vec::with_capacity(WATCHERS);
        for _ in 0..WATCHERS {
            let asking = Request::new(HealthCheckRequest::default());
            watchers.push(probe.watch(asking).await.unwrap().into_inner());
        }
        watchers
    };

    // Nobody reads, whatever happens.
    let mut watchers = Vec::new();
    let before = alive();
    let opened = measure(|| {
        watchers = runtime.block_on(async {
            let watchers = open().await;
            settle().await;
            watchers
        });
    });
    assert_eq!(alive() - before, WATCHERS);
    let each = opened.bytes_max / WATCHERS as u64;
    println!("{each} bytes a watcher");
    assert!(each < 4_096, "{each} bytes a watcher");
    let changed = measure(|| {
        runtime.block_on(async {
            for status in [Status::Healthy, Status::Unhealthy].repeat(10) {
                health.set("database", status, None);
                settle().await;
            }
        });
    });
    assert_eq!(alive() - before, WATCHERS);
    assert!(changed.bytes_current < 1_024, "{changed:?}");

    // What waited, what was on its way, and how it is by now, however often it changed.
    for silent in [0, 0, 0, WATCHERS] {
        assert_eq!(read_what_waits(&mut watchers), silent);
        runtime.block_on(settle());
    }

    // Half of them leave, without a word.
    watchers.truncate(WATCHERS / 2);
    runtime.block_on(settle());
    assert_eq!(alive() - before, WATCHERS / 2);

    // A shutdown is told to each of the others, and ends it.
    health.set("database", Status::Healthy, None);
    runtime.block_on(async {
        settle().await;
        health.drain();
        for watcher in &mut watchers {
            assert_eq!(read_to_end(watcher).await, Some(ServingStatus::NotServing));
        }
        settle().await;
    });
    assert_eq!(alive(), before);
}

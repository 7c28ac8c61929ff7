//! Runs one check again and again in the background.

use std::{
    any::Any,
    future::{Future, poll_fn},
    sync::{Arc, Weak},
    thread,
    time::Duration,
};

use tokio::{
    runtime::{Handle, RuntimeFlavor},
    select,
    task::{self, JoinError, JoinHandle},
    time::{self, Instant},
};

use super::{
    check::{Answer, Check},
    registry::{News, Registry},
};
use crate::{
    emit,
    facts::{asked_check::AskedCheck, chain, sentry_data::HubGuard},
    sentry,
    text::printable_words,
};

/// The least time that timers tell apart.
const MOMENT: Duration = Duration::from_millis(1);

/// The longest interval that can be spread. Nobody waits so long.
const LONGEST: Duration = Duration::from_secs(1 << 32);

/// Tells what has changed on a thread of its own: a log or a sink that blocks holds up no check, and no end of the runtime.
#[derive(Debug, Default)]
struct Telling(Option<thread::JoinHandle<()>>);

// === impl Telling ===

impl Telling {
    /// If the last news are still being told, these are not told, and are counted.
    fn tell(&mut self, news: Option<News>) {
        let Some(news) = news else {
            return;
        };
        if self.0.as_ref().is_some_and(|last| !last.is_finished()) {
            news.not_told();
            return;
        }
        let news = Arc::new(news);
        let told = Arc::clone(&news);
        self.0 = emit::detached(move || told.tell()).ok();
        if self.0.is_none() {
            news.not_told();
        }
    }
}

/// Runs a check as long as there is a handle to the checks.
pub(super) async fn run(registry: Weak<Registry>, index: usize) {
    let mut telling = Telling::default();
    while let Some((check, has_notice)) = begin(&registry, index) {
        let began = Instant::now();
        let mut asked = ask(&check, has_notice);
        let answer = answer(&check, &mut asked).await;
        let mut latency = Some(began.elapsed());
        loop {
            let Some(alive) = registry.upgrade() else {
                return;
            };
            telling.tell(alive.record(index, &answer, latency.take()));
            drop(alive);
            time::sleep(spread(check.interval)).await;
            // A task that blocks cannot be ended. Until it ends by itself, another question could block one more thread.
            if asked.is_finished() {
                break;
            }
        }
    }
}

/// Asks a check once. No notice reports a failure.
pub(super) async fn once(check: &Check) -> Result<Answer, String> {
    let mut asked = ask(check, false);
    answer(check, &mut asked).await
}

/// Notices when what the application has set is too old, as long as there is a handle to the checks.
pub(super) async fn expire(registry: Weak<Registry>, index: usize) {
    let mut telling = Telling::default();
    let Some(mut changes) = registry.upgrade().map(|registry| registry.subscribe()) else {
        return;
    };
    loop {
        let Some(alive) = registry.upgrade() else {
            return;
        };
        let (news, left) = alive.expire(index);
        drop(alive);
        telling.tell(news);
        let expiry = async {
            match left {
                // A moment more, since it is still recent at the very end.
                Some(left) => time::sleep(left.saturating_add(MOMENT)).await,
                None => std::future::pending().await,
            }
        };
        select! {
            () = expiry => {}
            // Another status, or no handle any more.
            changed = changes.changed() => if changed.is_err() { return },
        }
    }
}

/// The check, and whether a notice reports its failures.
fn begin(registry: &Weak<Registry>, index: usize) -> Option<(Check, bool)> {
    let registry = registry.upgrade()?;
    let entry = registry.entries.get(index)?;
    entry.begin();
    let has_notice = registry.gives_notice(entry.check.role);
    Some((entry.check.clone(), has_notice))
}

/// Spreads over a fifth of the interval, so that not all replicas ask at once.
fn spread(interval: Duration) -> Duration {
    interval.min(LONGEST).mul_f64(0.9 + 0.2 * fastrand::f64())
}

/// Asks once, in a task of its own, so that a panic ends there.
fn ask(check: &Check, has_notice: bool) -> JoinHandle<Result<Answer, String>> {
    let current = AskedCheck::new(Arc::clone(&check.name), has_notice);
    let check = check.clone();
    let mut asked = Box::pin(async move {
        let answer = check.ask().await;
        answer.map_err(|error| chain::text_or_empty(&*error))
    });
    let hub = sentry::hub_of_no_request();
    tokio::spawn(poll_fn(move |cx| {
        off_the_workers(|| {
            let _hub = hub.clone().map(HubGuard::new);
            current.run(|| asked.as_mut().poll(cx))
        })
    }))
}

/// Runs code that can block, against the rules. A worker that blocks can be the one that waits for timers and sockets, and
/// then no other takes its place: the whole runtime would stand. So its work moves to another thread first.
fn off_the_workers<T>(run: impl FnOnce() -> T) -> T {
    match Handle::current().runtime_flavor() {
        RuntimeFlavor::MultiThread => task::block_in_place(run),
        // There is no other thread.
        _ => run(),
    }
}

/// Waits for an answer. One after the timeout is an error.
async fn answer(
    check: &Check,
    asked: &mut JoinHandle<Result<Answer, String>>,
) -> Result<Answer, String> {
    match time::timeout(check.timeout, &mut *asked).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(error)) => Err(panicked(error)),
        Err(_) => {
            asked.abort();
            Err(format!("no answer within {:?}", check.timeout))
        }
    }
}

/// Says that a check panicked, with the text of the panic if it has one.
fn panicked(error: JoinError) -> String {
    let payload = error.try_into_panic().ok();
    let literal = |payload: &Box<dyn Any + Send>| payload.downcast_ref::<&str>().copied();
    let text = payload.as_ref().and_then(|payload| {
        let owned = || payload.downcast_ref::<String>().map(String::as_str);
        literal(payload).or_else(owned)
    });
    match text {
        Some(text) => format!(
            "the check panicked: {}",
            printable_words(text, chain::LONGEST)
        ),
        None => "the check panicked".into(),
    }
}

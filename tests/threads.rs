//! Ends the threads of a stack with its last handle. It is a process of its own, so that no other test has such threads.
#![cfg(target_os = "linux")]
#![expect(
    clippy::unwrap_used,
    reason = "a test fails by a panic, which shows its place"
)]

#[path = "it/support/directory.rs"]
#[expect(dead_code, reason = "shared with other tests, which ask for more")]
mod directory;

use std::{
    fs,
    sync::{
        Mutex, PoisonError,
        mpsc::{self, Receiver, Sender},
    },
    thread,
    time::Duration,
};

use tower_vitals::{
    Vitals,
    alerts::AlertSeverity,
    notify::{Notification, Notifier, Notifiers, NotifyError},
    vitals::VitalsBuilder,
};
use tracing_subscriber::{layer::SubscriberExt, registry};

use crate::directory::Directory;

/// The threads are those of the whole process, so for one test at a time.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

fn builder() -> VitalsBuilder {
    Vitals::builder().isolated()
}

/// How many threads of this process have this name.
fn threads(name: &str) -> usize {
    let tasks = fs::read_dir("/proc/self/task").unwrap();
    // One that has ended meanwhile has no name any more.
    let names = tasks.filter_map(|task| fs::read_to_string(task.ok()?.path().join("comm")).ok());
    names.filter(|found| found.trim_end() == name).count()
}

/// Waits until there are so many, within ten seconds.
fn until(name: &str, count: usize) {
    for _ in 0..5_000 {
        if threads(name) == count {
            return;
        }
        thread::sleep(Duration::from_millis(2));
    }
    panic!("{} and not {count} threads {name}", threads(name));
}

#[test]
fn each_stack_has_two_threads_which_end_with_its_last_handle() {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    // The longest slot: nobody waits for its end.
    let hour = Duration::from_secs(3_600);
    let stacks = [(); 3].map(|()| builder().statistics_slot(hour).build().unwrap());
    until("vitals", 3);
    until("vitals-alert", 3);
    let [one, two, three] = stacks;
    let (clone, statistics) = (one.clone(), two.statistics());
    drop(three);
    until("vitals", 2);
    until("vitals-alert", 2);
    // These two have a handle left. A stack that ends after them shows that they had time to end.
    drop((one, two));
    drop(builder().build().unwrap());
    until("vitals", 2);
    // Statistics need no alerts.
    until("vitals-alert", 1);
    assert_eq!(statistics.over(hour).unwrap().started, 0);
    drop(statistics);
    until("vitals", 1);
    assert_eq!(clone.metrics().totals().started, 0);
    drop(clone);
    until("vitals", 0);
    until("vitals-alert", 0);
}

#[test]
fn the_thread_of_the_state_file_ends_with_the_stack() {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let directory = Directory::new("threads");
    let vitals = builder()
        .state_file(directory.path("state"))
        .build()
        .unwrap();
    until("vitals-store", 1);
    until("vitals", 1);
    drop(vitals);
    until("vitals-store", 0);
    until("vitals", 0);
    assert!(directory.path("state").is_file());
}

/// A subscriber that never returns from the first value of a metric, unless it is told to.
struct Hangs(Mutex<(Sender<()>, Receiver<()>)>);

impl<S: tracing::Subscriber> tracing_subscriber::Layer<S> for Hangs {
    fn on_event(&self, event: &tracing::Event<'_>, _: tracing_subscriber::layer::Context<'_, S>) {
        if event.fields().any(|field| field.name() == "metric") {
            let (hangs, told) = &*self.0.lock().unwrap();
            let _ = hangs.send(());
            let _ = told.recv();
        }
    }
}

#[test]
fn a_subscriber_that_hangs_holds_up_neither_a_drop_nor_the_end_of_the_thread() {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let ((hangs, hung), (tell, told)) = (mpsc::channel(), mpsc::channel());
    let subscriber = registry().with(Hangs(Mutex::new((hangs, told))));
    let _default = tracing::subscriber::set_default(subscriber);
    let builder = builder().log_metrics(Duration::from_secs(1));
    let vitals = builder.build().unwrap();
    let waited = hung.recv_timeout(Duration::from_secs(60));
    waited.unwrap();
    until("vitals", 1);
    drop(vitals);
    until("vitals", 0);
    // It still hangs.
    until("vitals-emit", 1);
    drop(tell);
    until("vitals-emit", 0);
}

#[test]
fn the_thread_that_logs_values_ends_at_once_with_its_counters_or_for_another_one() {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    // Nobody waits for the end of an interval.
    let hour = Duration::from_secs(3_600);
    let isolated = builder().log_metrics(hour).build().unwrap();
    until("vitals-emit", 1);
    drop(isolated);
    until("vitals-emit", 0);
    // The counters of the process live as long as it does.
    for _ in 0..3 {
        let vitals = Vitals::builder().log_metrics(hour).build().unwrap();
        until("vitals-emit", 1);
        drop(vitals);
        until("vitals-emit", 1);
    }
}

/// Takes everything.
struct Takes(&'static str);

impl Notifier for Takes {
    fn name(&self) -> &str {
        self.0
    }

    fn notify(&self, _: &[Notification], _: Duration) -> Result<(), NotifyError> {
        Ok(())
    }
}

#[test]
fn a_thousand_stacks_with_notifiers_leave_no_thread() {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    for round in 0..1_000 {
        let notifiers = Notifiers::new().notifier(Takes("a")).notifier(Takes("b"));
        let vitals = builder().notifiers(notifiers).build().unwrap();
        assert_eq!(vitals.notify(AlertSeverity::Info, "begun", ""), 2);
        if round == 0 {
            until("vitals-notify", 2);
        }
    }
    until("vitals-notify", 0);
    until("vitals-note-log", 0);
    until("vitals-alert", 0);
    until("vitals", 0);
}

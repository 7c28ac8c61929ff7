use std::sync::{
    atomic::{AtomicUsize, Ordering::Relaxed},
    mpsc,
};

use http::StatusCode;

use super::*;
use crate::monitoring::answer;

/// Takes the turn until the sender is dropped. The task ends then.
async fn busy(turns: &Turns) -> (mpsc::Sender<()>, task::JoinHandle<Answer>) {
    let (release, released) = mpsc::channel::<()>();
    let (begin, begun) = oneshot::channel();
    let working = turns.clone();
    let task = tokio::spawn(async move {
        let work = move || {
            let _ = begin.send(());
            let _ = released.recv();
            Ok(answer::told(StatusCode::OK, "busy"))
        };
        working.work(work).await
    });
    begun.await.unwrap();
    (release, task)
}

fn ask(turns: &Turns, asked: &str, made: &Arc<AtomicUsize>) -> task::JoinHandle<Answer> {
    let (turns, asked, made) = (turns.clone(), asked.to_owned(), Arc::clone(made));
    let work = move || {
        made.fetch_add(1, Relaxed);
        Ok(answer::told(StatusCode::OK, "made"))
    };
    tokio::spawn(async move { turns.share(asked, work).await })
}

/// Lets the tasks run until so many wait.
async fn until_waiting(turns: &Turns, asked: &str, readers: usize) {
    while turns.waiting.lock().get(asked).map_or(0, Vec::len) < readers {
        task::yield_now().await;
    }
}

#[tokio::test]
async fn all_who_ask_the_same_before_its_turn_share_one_answer() {
    let turns = Turns::new();
    let made = Arc::default();
    let (release, busy) = busy(&turns).await;
    let mut readers: Vec<_> = (0..100).map(|_| ask(&turns, "/metrics", &made)).collect();
    until_waiting(&turns, "/metrics", 100).await;
    let other = ask(&turns, "/status", &made);
    until_waiting(&turns, "/status", 1).await;
    // The first client leaves, and its answer is made for the others.
    readers.remove(0).abort();
    drop(release);
    for reader in readers {
        assert_eq!(reader.await.unwrap().unwrap().status(), StatusCode::OK);
    }
    assert!(other.await.unwrap().is_ok() && busy.await.unwrap().is_ok());
    assert_eq!(made.load(Relaxed), 2, "one for each question");
    assert!(turns.waiting.lock().is_empty());
    // What is asked later is made later.
    assert!(ask(&turns, "/metrics", &made).await.unwrap().is_ok());
    assert_eq!(made.load(Relaxed), 3);
}

#[tokio::test]
async fn an_answer_that_panics_is_a_refusal_and_the_next_one_is_made() {
    let turns = Turns::new();
    let panics = turns.share("/metrics".to_owned(), || panic!("as asked"));
    let refused = panics.await.unwrap_err();
    assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE);
    let made = Arc::default();
    assert!(ask(&turns, "/metrics", &made).await.unwrap().is_ok());
}

#[test]
fn an_answer_that_a_runtime_never_made_holds_up_no_other() {
    let turns = Turns::new();
    let made = Arc::default();
    let runtime = || {
        tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap()
    };
    let first = runtime();
    let (release, reader) = first.block_on(async {
        let (release, _busy) = busy(&turns).await;
        let reader = ask(&turns, "/metrics", &made);
        until_waiting(&turns, "/metrics", 1).await;
        (release, reader)
    });
    // It ends before its turn comes.
    drop(release);
    first.shutdown_background();
    drop(reader);
    let second = runtime();
    let answered = second.block_on(async { ask(&turns, "/metrics", &made).await.unwrap() });
    assert!(answered.is_ok());
}

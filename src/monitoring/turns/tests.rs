use std::sync::{
    atomic::{AtomicUsize, Ordering::Relaxed},
    mpsc,
};

use http::StatusCode;

use super::*;
use crate::monitoring::answer;

/// Takes the turn of questions until the sender is dropped. The task ends then.
async fn busy(turns: &Turns) -> (mpsc::Sender<()>, task::JoinHandle<Answer>) {
    let (release, released) = mpsc::channel::<()>();
    let (begin, begun) = oneshot::channel();
    let asking = turns.clone();
    let task = tokio::spawn(async move {
        let work = move || {
            let _ = begin.send(());
            let _ = released.recv();
            Ok(answer::told(StatusCode::OK, "busy"))
        };
        asking.share("/busy".to_owned(), work).await
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
    while turns.questions.readers(asked) < readers {
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
    assert_eq!(turns.questions.len(), 0);
    // What is asked later is made later.
    assert!(ask(&turns, "/metrics", &made).await.unwrap().is_ok());
    assert_eq!(made.load(Relaxed), 3);
}

#[tokio::test]
async fn a_question_that_another_machine_answers_holds_up_no_other() {
    let turns = Turns::new();
    let (release, released) = mpsc::channel::<()>();
    let (begin, begun) = oneshot::channel();
    let asking = turns.clone();
    let far = tokio::spawn(async move {
        let work = move || {
            let _ = begin.send(());
            let _ = released.recv();
            Ok(answer::told(StatusCode::OK, "far"))
        };
        asking.share_far("/fleet".to_owned(), work).await
    });
    begun.await.unwrap();
    let made = Arc::default();
    assert!(ask(&turns, "/status", &made).await.unwrap().is_ok());
    assert_eq!(made.load(Relaxed), 1);
    drop(release);
    assert!(far.await.unwrap().is_ok());
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

#[tokio::test]
async fn a_question_whose_readers_have_gone_is_not_answered() {
    let turns = Turns::new();
    let (abandoned, wanted) = (Arc::default(), Arc::default());
    let (release, _busy) = busy(&turns).await;
    for _ in 0..3 {
        let reader = ask(&turns, "/metrics", &abandoned);
        until_waiting(&turns, "/metrics", 1).await;
        reader.abort();
        assert!(reader.await.unwrap_err().is_cancelled());
    }
    let status = ask(&turns, "/status", &wanted);
    until_waiting(&turns, "/status", 1).await;
    drop(release);
    // It waited behind the other, so its turn came later.
    assert!(status.await.unwrap().is_ok());
    assert_eq!(abandoned.load(Relaxed), 0);
    assert_eq!(wanted.load(Relaxed), 1);
}

#[tokio::test]
async fn readers_of_one_question_who_have_gone_take_no_room() {
    let turns = Turns::new();
    let made = Arc::default();
    let (_release, _busy) = busy(&turns).await;
    let stays = ask(&turns, "/metrics", &made);
    until_waiting(&turns, "/metrics", 1).await;
    for _ in 0..1_000 {
        let reader = ask(&turns, "/metrics", &made);
        task::yield_now().await;
        reader.abort();
        let _ = reader.await;
    }
    assert!(turns.questions.readers("/metrics") <= 8);
    assert!(!stays.is_finished());
}

#[tokio::test]
async fn thirty_two_different_questions_wait_and_abandoned_ones_leave_their_place() {
    let turns = Turns::new();
    let made = Arc::default();
    let (release, _busy) = busy(&turns).await;
    let mut readers = Vec::new();
    for n in 0..32 {
        let asked = format!("/endpoints?window={n}s");
        readers.push(ask(&turns, &asked, &made));
        until_waiting(&turns, &asked, 1).await;
    }
    let refused = ask(&turns, "/status", &made);
    while !refused.is_finished() {
        assert_eq!(turns.questions.len(), 32);
        task::yield_now().await;
    }
    let refused = refused.await.unwrap().unwrap_err();
    let response = refused.response();
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(response.headers()["retry-after"], "1");
    assert!(refused.sentence.contains("32 other questions"));
    // Who asks what somebody else has asked is no question more.
    let same = ask(&turns, "/endpoints?window=7s", &made);
    until_waiting(&turns, "/endpoints?window=7s", 2).await;
    for reader in readers.drain(..20) {
        reader.abort();
        let _ = reader.await;
    }
    let status = ask(&turns, "/status", &made);
    while turns.questions.readers("/status") < 1 {
        assert!(!status.is_finished(), "nobody is refused");
        task::yield_now().await;
    }
    assert_eq!(
        turns.questions.len(),
        14,
        "12 with readers, one with a second, and this"
    );
    drop(release);
    assert!(same.await.unwrap().is_ok() && status.await.unwrap().is_ok());
    for reader in readers {
        assert!(reader.await.unwrap().is_ok());
    }
    assert_eq!(made.load(Relaxed), 14);
}

#[tokio::test]
async fn a_change_waits_for_no_question() {
    let turns = Turns::new();
    let (release, busy) = busy(&turns).await;
    let changed = turns.work(|| Ok(answer::told(StatusCode::CREATED, "done")));
    let changed = time::timeout(LONGEST, changed).await.unwrap();
    assert_eq!(changed.unwrap().status(), StatusCode::CREATED);
    assert!(!busy.is_finished(), "the question is still being answered");
    drop(release);
    assert!(busy.await.unwrap().is_ok());
}

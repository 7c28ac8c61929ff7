use std::sync::mpsc;

use super::{
    super::{
        keys::{Keys, StartId},
        link_error::LinkErrorKind,
        real_redis::RealRedis,
    },
    *,
};

fn noting(version: &str) -> Noting {
    Noting {
        keys: Keys::new("shop", "test"),
        start: StartId::random(),
        id: "a".to_owned(),
        version: Some(version.to_owned()),
    }
}

fn new(told: Told, version: &str) -> NewMark {
    NewMark {
        told,
        version: version.to_owned(),
        environment: "test".to_owned(),
        by: "ci".to_owned(),
        changes: String::new(),
        token: fastrand::u64(..),
    }
}

fn noted(shared: &SharedMarks, new: NewMark) -> Noted {
    let (tell, told) = mpsc::channel();
    shared.note(new, Box::new(move |noted| tell.send(noted).unwrap()));
    told.recv_timeout(Duration::from_secs(20)).unwrap()
}

fn versions(marks: &[Mark]) -> Vec<&str> {
    marks.iter().map(|mark| &*mark.version).collect()
}

/// Instances that reach Redis while a test wants it.
fn chores(noting: Noting, mut ask: Ask, heard: mpsc::Sender<Vec<String>>) -> Chores {
    Chores {
        noting,
        ask: Box::new(move |pipeline| ask(pipeline)),
        heard: Box::new(move |marks| {
            let all = versions(marks).into_iter().map(str::to_owned).collect();
            let _ = heard.send(all);
        }),
        each_minute: None,
    }
}

#[test]
fn without_redis_an_instance_goes_on_alone_and_keeps_what_it_would_tell() {
    let (heard, _hears) = mpsc::channel();
    let ask: Ask = Box::new(|_| Err(LinkError::new(LinkErrorKind::Unreachable, "refused")));
    let shared = SharedMarks::start(chores(noting("1.0"), ask, heard), Vec::new()).unwrap();
    assert_eq!(noted(&shared, new(Told::Process, "1.1")), Noted::Alone);
    assert_eq!(shared.known(), None);
    let state = shared.0.0.state();
    assert_eq!(state.waiting.len(), 1);
    assert!(state.waiting[0].then.is_none(), "nobody is told twice");
}

#[test]
fn somebody_who_panics_when_told_keeps_nobody_from_being_told() {
    let (heard, _hears) = mpsc::channel();
    let ask: Ask = Box::new(|_| Err(LinkError::new(LinkErrorKind::Unreachable, "refused")));
    let shared = SharedMarks::start(chores(noting("1.0"), ask, heard), Vec::new()).unwrap();
    shared.note(new(Told::Process, "1.1"), Box::new(|_| panic!("as asked")));
    assert_eq!(noted(&shared, new(Told::Process, "1.2")), Noted::Alone);
}

#[test]
#[ignore = "needs redis-server; .ci/run installs it"]
fn a_deployment_whose_answer_was_lost_is_noted_and_told_once() {
    let redis = RealRedis::start();
    let (heard, _hears) = mpsc::channel();
    let mut link = redis.link();
    let mut lost = 0;
    let asks: Ask = Box::new(move |pipeline| {
        let answer = link.ask(pipeline);
        let packed = pipeline.get_packed_pipeline();
        let is_note = packed.windows(11).any(|part| part == b"\r\nprocess\r\n");
        // Redis has done it, twice, and nobody hears of it.
        if is_note && lost < 2 {
            lost += 1;
            return Err(LinkError::new(LinkErrorKind::TimedOut, "no answer in time"));
        }
        answer
    });
    let shared = SharedMarks::start(chores(noting("1.1"), asks, heard), Vec::new()).unwrap();
    let news = Noted::Marked { is_news: true };
    assert_eq!(noted(&shared, new(Told::Process, "1.1")), news);
    let (heard, hears) = mpsc::channel();
    let mut link = redis.link();
    let ask: Ask = Box::new(move |pipeline| link.ask(pipeline));
    let other = SharedMarks::start(chores(noting("1.1"), ask, heard), Vec::new()).unwrap();
    assert_eq!(noted(&other, new(Told::Process, "1.1")), Noted::Known);
    let marks = hears.recv_timeout(Duration::from_secs(20)).unwrap();
    assert_eq!(marks, ["1.1"], "it is there once");
}

#[test]
fn the_chore_of_a_minute_is_done_at_the_start_and_the_thread_ends_with_its_handle() {
    let (done, chore) = mpsc::channel();
    let (heard, _hears) = mpsc::channel();
    let ask: Ask = Box::new(|_| Err(LinkError::new(LinkErrorKind::Unreachable, "refused")));
    let mut chores = chores(noting("1.0"), ask, heard);
    chores.each_minute = Some(Box::new(move || done.send(()).unwrap()));
    let shared = SharedMarks::start(chores, Vec::new()).unwrap();
    chore.recv_timeout(Duration::from_secs(20)).unwrap();
    drop(shared);
    // The sender goes with the thread.
    let ended = chore.recv_timeout(Duration::from_secs(20));
    assert_eq!(ended, Err(mpsc::RecvTimeoutError::Disconnected));
}

#[test]
#[ignore = "needs redis-server; .ci/run installs it"]
fn instances_hear_of_each_others_deployments_and_give_back_what_redis_lost() {
    let redis = RealRedis::start();
    let join = |version: &str, before: Vec<Mark>| {
        let (heard, hears) = mpsc::channel();
        let mut link = redis.link();
        let ask: Ask = Box::new(move |pipeline| link.ask(pipeline));
        let chores = chores(noting(version), ask, heard);
        (SharedMarks::start(chores, before).unwrap(), hears)
    };
    // It knows a deployment from before it was one of several.
    let before = Mark::alone(&new(Told::Process, "0.9"), Duration::from_secs(1_000));
    let (one, hears_too) = join("1.0", vec![before]);
    let (other, hears) = join("1.0", Vec::new());
    let news = Noted::Marked { is_news: true };
    assert_eq!(noted(&one, new(Told::Process, "1.1")), news);
    assert_eq!(noted(&other, new(Told::Process, "1.1")), Noted::Known);
    let until = |hears: &mpsc::Receiver<Vec<String>>, expected: &[&str]| {
        while hears.recv_timeout(Duration::from_secs(20)).unwrap() != expected {}
    };
    until(&hears, &["0.9", "1.1"]);
    until(&hears_too, &["0.9", "1.1"]);
    redis.answer(&["FLUSHALL"]).unwrap();
    assert_eq!(noted(&one, new(Told::Outside, "1.2")), news);
    assert_eq!(noted(&other, new(Told::Outside, "1.3")), news);
    until(&hears, &["0.9", "1.1", "1.2", "1.3"]);
}

//! Asks servers that answer, refuse, hang, and send elsewhere.

use std::{
    net::TcpListener,
    sync::{Mutex, mpsc},
};

use super::*;
use crate::fleet::{resp_server::RespServer, settings::Fleet};

const SHORT: Duration = Duration::from_millis(50);

fn checked(url: &str, timeout: Duration) -> Checked {
    let fleet = Fleet::at(url).unwrap().timeout(timeout);
    fleet.checked().unwrap()
}

fn link_to(server: &RespServer) -> Link {
    let url = format!("redis://{}", server.address);
    Link::new(&checked(&url, Duration::from_secs(10)))
}

fn get() -> Pipeline {
    let mut pipeline = Pipeline::new();
    pipeline.cmd("GET").arg("{a}k");
    pipeline
}

fn ask(link: &mut Link) -> Result<String, LinkErrorKind> {
    let answer = link.ask::<(String,)>(&get());
    answer.map(|(text,)| text).map_err(|error| error.kind())
}

#[test]
fn a_link_says_who_asks_and_which_database_is_asked() {
    let server = RespServer::start(|command| {
        Some(match &*command[0] {
            "get" => "$5\r\nhello\r\n".to_owned(),
            _ => "+OK\r\n".to_owned(),
        })
    });
    let url = format!("redis://shop:p%40ss@{}/7", server.address);
    let mut link = Link::new(&checked(&url, Duration::from_secs(10)));
    assert_eq!(ask(&mut link), Ok("hello".to_owned()));
    assert_eq!(ask(&mut link), Ok("hello".to_owned()));
    // One connection for all questions.
    let expected = [
        &["auth", "shop", "p@ss"][..],
        &["select", "7"],
        &["get", "{a}k"],
        &["get", "{a}k"],
    ];
    assert_eq!(server.heard(), expected);
    assert_eq!(link.connections(), 1);
}

#[test]
fn a_transaction_answers_as_its_commands_do() {
    let server = RespServer::start(|command| {
        Some(match &*command[0] {
            "multi" => "+OK\r\n".to_owned(),
            "exec" => "*2\r\n:1\r\n$1\r\nx\r\n".to_owned(),
            _ => "+QUEUED\r\n".to_owned(),
        })
    });
    let mut pipeline = Pipeline::new();
    pipeline.atomic().cmd("HSET").arg(&["k", "f", "v"]);
    pipeline.cmd("GET").arg("k");
    let answer: (u32, String) = link_to(&server).ask(&pipeline).unwrap();
    assert_eq!(answer, (1, "x".to_owned()));
}

#[test]
fn what_redis_refuses_is_told_apart() {
    for (answer, kind, text, connections) in [
        (
            "-OOM command not allowed\r\n",
            LinkErrorKind::NoRoom,
            "OOM command not allowed",
            1,
        ),
        (
            "-READONLY You can't write\r\n",
            LinkErrorKind::ReadOnly,
            "READONLY You can't write",
            2,
        ),
        (
            "-LOADING Redis is loading\r\n",
            LinkErrorKind::NotReady,
            "LOADING Redis is loading",
            2,
        ),
        (
            "-NOAUTH Authentication required.\r\n",
            LinkErrorKind::NotAllowed,
            "NOAUTH Authentication required.",
            2,
        ),
        ("-NOPERM no\r\n", LinkErrorKind::NotAllowed, "NOPERM no", 2),
        (
            "-NOSCRIPT no\r\n",
            LinkErrorKind::NoScript,
            "NOSCRIPT no",
            1,
        ),
        ("-ERR what\r\n", LinkErrorKind::Refused, "ERR what", 1),
        (
            "*1\r\n:1\r\n",
            LinkErrorKind::Refused,
            "the answer has another form",
            1,
        ),
        (
            "HTTP/1.1 400 Bad Request\r\n",
            LinkErrorKind::Unreachable,
            "the answer is not one of Redis",
            2,
        ),
    ] {
        let server = RespServer::start(move |_| Some(answer.to_owned()));
        let mut link = link_to(&server);
        let error = link.ask::<(String,)>(&get()).unwrap_err();
        assert_eq!((error.kind(), error.to_string()), (kind, text.to_owned()));
        let _ = ask(&mut link);
        assert_eq!(link.connections(), connections, "{answer}");
    }
    let queued = RespServer::start(|command| {
        Some(match &*command[0] {
            "multi" => "+OK\r\n".to_owned(),
            "exec" => "-EXECABORT Transaction discarded\r\n".to_owned(),
            _ => "-OOM command not allowed\r\n".to_owned(),
        })
    });
    let mut pipeline = get();
    pipeline.atomic();
    let error = link_to(&queued).ask::<(String,)>(&pipeline).unwrap_err();
    assert_eq!(error.kind(), LinkErrorKind::NoRoom);
}

#[test]
fn a_wrong_password_is_refused_and_never_shown() {
    for answer in [
        "-WRONGPASS invalid\r\n",
        "-ERR invalid password\r\n",
        "-ERR unknown command 'AUTH', with args beginning with: 's3cret'\r\n",
    ] {
        let server = RespServer::start(move |_| Some(answer.to_owned()));
        let url = format!("redis://:s3cret@{}", server.address);
        let mut link = Link::new(&checked(&url, Duration::from_secs(10)));
        let error = link.ask::<(String,)>(&get()).unwrap_err();
        assert_eq!(error.kind(), LinkErrorKind::NotAllowed);
        let shown = format!("{error} {error:?} {link:?}");
        assert!(!shown.contains("s3cret"), "{shown}");
        // Nothing was asked without being known.
        assert_eq!(server.heard(), [["auth", "s3cret"]]);
    }
}

#[test]
fn a_link_follows_one_redirection_of_a_cluster() {
    let owner = RespServer::start(|_| Some("$5\r\nowner\r\n".to_owned()));
    let port = owner.address.port();
    let node = RespServer::start(move |command| {
        Some(match &*command[0] {
            "multi" => "+OK\r\n".to_owned(),
            "exec" => "-EXECABORT Transaction discarded\r\n".to_owned(),
            _ => format!("-MOVED 3999 127.0.0.1:{port}\r\n"),
        })
    });
    let mut link = link_to(&node);
    assert_eq!(ask(&mut link), Ok("owner".to_owned()));
    // It stays there.
    assert_eq!(ask(&mut link), Ok("owner".to_owned()));
    assert_eq!(node.heard().len(), 1);

    // A host that is not named is the one that was asked. Within a transaction each command is sent elsewhere.
    let node = RespServer::start(move |command| {
        Some(match &*command[0] {
            "multi" => "+OK\r\n".to_owned(),
            "exec" => "-EXECABORT Transaction discarded\r\n".to_owned(),
            _ => format!("-MOVED 3999 :{port}\r\n"),
        })
    });
    let mut link = link_to(&node);
    let _ = link.ask::<(String,)>(get().atomic());
    assert_eq!(ask(&mut link), Ok("owner".to_owned()));
    assert_eq!(node.heard().len(), 3);
}

#[test]
fn a_link_asks_the_node_to_which_keys_are_on_their_way_once_for_each_of_them() {
    let heir = RespServer::start(|command| {
        Some(match &*command[0] {
            "exec" => "*1\r\n$1\r\nx\r\n".to_owned(),
            "get" => "$4\r\nheir\r\n".to_owned(),
            _ => "+OK\r\n".to_owned(),
        })
    });
    let port = heir.address.port();
    let owner = RespServer::start(move |command| {
        let word = command.get(1).map(String::as_str);
        Some(match (&*command[0], word) {
            ("multi", _) => "+OK\r\n".to_owned(),
            ("exec", _) => "-EXECABORT Transaction discarded\r\n".to_owned(),
            (_, Some("{a}stays")) => "$5\r\nowner\r\n".to_owned(),
            _ => format!("-ASK 3999 127.0.0.1:{port}\r\n"),
        })
    });
    let mut link = link_to(&owner);
    let mut pipeline = Pipeline::new();
    pipeline.cmd("GET").arg("{a}stays");
    pipeline.cmd("GET").arg("{a}goes");
    pipeline.cmd("GET").arg("{a}stays");
    let answer: (String, String, String) = link.ask(&pipeline).unwrap();
    assert_eq!(answer, ("owner".into(), "heir".into(), "owner".into()));
    assert_eq!(heir.heard(), [&["asking"][..], &["get", "{a}goes"]]);
    // A transaction goes there as a whole.
    let mut pipeline = Pipeline::new();
    pipeline.atomic().cmd("GET").arg("{a}goes");
    let answer: (String,) = link.ask(&pipeline).unwrap();
    assert_eq!(answer, ("x".to_owned(),));
    let heard = heir.heard();
    let expected = [&["asking"][..], &["multi"], &["get", "{a}goes"], &["exec"]];
    assert_eq!(heard[heard.len() - 4..], expected);
    // The slot is not there yet: the owner is asked first.
    assert_eq!(ask(&mut link), Ok("heir".to_owned()));
    assert_eq!(link.connections(), 1);

    // Nobody is sent on twice.
    let port = std::sync::Arc::new(Mutex::new(0));
    let own = std::sync::Arc::clone(&port);
    let node = RespServer::start(move |command| {
        Some(match &*command[0] {
            "asking" => "+OK\r\n".to_owned(),
            _ => format!("-ASK 3999 127.0.0.1:{}\r\n", own.lock().unwrap()),
        })
    });
    *port.lock().unwrap() = node.address.port();
    assert_eq!(ask(&mut link_to(&node)), Err(LinkErrorKind::Moved));
    assert_eq!(node.heard().len(), 3);
}

#[test]
fn a_link_that_is_sent_in_circles_gives_up() {
    let port = std::sync::Arc::new(Mutex::new(0));
    let own = std::sync::Arc::clone(&port);
    let node = RespServer::start(move |_| {
        Some(format!("-MOVED 3999 127.0.0.1:{}\r\n", own.lock().unwrap()))
    });
    *port.lock().unwrap() = node.address.port();
    assert_eq!(ask(&mut link_to(&node)), Err(LinkErrorKind::Moved));
    assert_eq!(node.heard().len(), 2);
}

#[test]
fn a_server_that_hangs_is_left_after_the_timeout_whatever_was_asked() {
    let server = RespServer::start(|_| Some(String::new()));
    let url = format!("redis://{}", server.address);
    let mut link = Link::new(&checked(&url, SHORT));
    let mut pipeline = get();
    for _ in 0..99 {
        pipeline.add_command(redis::cmd("GET"));
    }
    // The timeout is of all answers, not of each of a hundred.
    let answer = link.ask::<Vec<String>>(&pipeline);
    assert_eq!(answer.unwrap_err().kind(), LinkErrorKind::TimedOut);
}

#[test]
fn a_late_answer_never_stands_for_the_next_one() {
    let (sender, receiver) = mpsc::channel::<()>();
    let receiver = Mutex::new(receiver);
    let calls = Mutex::new(0);
    let server = RespServer::start(move |_| {
        let call = {
            let mut calls = calls.lock().unwrap();
            *calls += 1;
            *calls
        };
        if call == 1 {
            let _ = receiver.lock().unwrap().recv();
        }
        Some(format!("$1\r\n{call}\r\n"))
    });
    let url = format!("redis://{}", server.address);
    let mut link = Link::new(&checked(&url, SHORT));
    assert_eq!(ask(&mut link), Err(LinkErrorKind::TimedOut));
    sender.send(()).unwrap();
    link.timeout = Duration::from_secs(10);
    assert_eq!(ask(&mut link), Ok("2".to_owned()));
    assert_eq!(link.connections(), 2);
}

#[test]
fn a_connection_that_redis_closed_while_nothing_was_asked_is_made_anew() {
    let calls = Mutex::new(0);
    let server = RespServer::start(move |command| {
        let mut calls = calls.lock().unwrap();
        *calls += 1;
        // It ends behind the first answer.
        (command[0] == "get").then(|| "$2\r\nok\r\n".to_owned())
    });
    let mut link = link_to(&server);
    assert_eq!(ask(&mut link), Ok("ok".to_owned()));
    let mut quit = Pipeline::new();
    quit.cmd("QUIT");
    assert_eq!(
        link.ask::<(String,)>(&quit).unwrap_err().kind(),
        LinkErrorKind::Unreachable
    );
    assert_eq!(ask(&mut link), Ok("ok".to_owned()));
}

#[test]
fn a_link_waits_before_it_connects_again() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let url = format!("redis://{address}");
    let mut link = Link::new(&checked(&url, Duration::from_secs(10)));
    assert_eq!(ask(&mut link), Err(LinkErrorKind::Unreachable));
    let _server = RespServer::start_on(&address.to_string(), |_| Some("$2\r\nok\r\n".to_owned()));
    // The pause of a second is not over.
    assert_eq!(ask(&mut link), Err(LinkErrorKind::Unreachable));
    link = link.pause(Duration::ZERO);
    assert_eq!(ask(&mut link), Ok("ok".to_owned()));
}

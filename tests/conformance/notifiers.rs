//! Who is told by the server, by its variables.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::mpsc::{self, Receiver},
    thread,
    time::Duration,
};

use serde_json::Value;

use crate::{Server, alerts::FAST, programs::eventually};

/// In time for everything that happens, on a machine that is busy.
const LONG: Duration = Duration::from_secs(60);

/// Takes each message, and answers that it did.
fn inbox() -> (String, Receiver<(String, Value)>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (told, heard) = mpsc::channel();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            if told.send(message(stream)).is_err() {
                return;
            }
        }
    });
    (format!("http://{address}"), heard)
}

/// The path and the body of a request.
fn message(mut stream: TcpStream) -> (String, Value) {
    let mut reader = BufReader::new(&mut stream);
    let (mut path, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        let line = line.trim().to_ascii_lowercase();
        if let Some(rest) = line.strip_prefix("post ") {
            path = rest.split(' ').next().unwrap().to_owned();
        } else if let Some(rest) = line.strip_prefix("content-length: ") {
            length = rest.parse().unwrap();
        } else if line.is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    // The other side can have gone.
    let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
    (path, serde_json::from_slice(&body).unwrap())
}

#[test]
fn people_are_told_by_the_variables() {
    let ((slack, chat), (pagerduty, pager)) = (inbox(), inbox());
    let webhook = format!("{slack}/services/key");
    let mut variables = FAST.to_vec();
    variables.extend([
        ("SLACK_WEBHOOK_URL", &*webhook),
        ("PAGERDUTY_ROUTING_KEY", "key"),
        ("PAGERDUTY_URL", &*pagerduty),
        ("MONITORING_URL", "https://shop.example.com/monitoring"),
    ]);
    let server = Server::start(&variables);
    server.until_alert("high_error_rate", -1.0);
    let (path, fired) = loop {
        (0..25).for_each(|_| _ = server.get("/err?status=500"));
        if let Ok(told) = chat.recv_timeout(Duration::from_millis(10)) {
            break told;
        }
    };
    assert_eq!(path, "/services/key");
    let summary = fired["text"].as_str().unwrap();
    let begins = "Alert: high_error_rate - error_rate_percent is ";
    assert!(summary.starts_with(begins), "{summary}");
    let (path, opened) = pager.recv_timeout(LONG).unwrap();
    assert_eq!(
        (&*path, &opened["event_action"]),
        ("/v2/enqueue", &"trigger".into())
    );
    assert_eq!(opened["client_url"], "https://shop.example.com/monitoring");
    let (_, closed) = pager.recv_timeout(LONG).unwrap();
    assert_eq!(closed["event_action"], "resolve");
    assert_eq!(closed["dedup_key"], opened["dedup_key"]);
    let (_, ended) = chat.recv_timeout(LONG).unwrap();
    let summary = ended["text"].as_str().unwrap();
    assert!(
        summary.starts_with("Resolved: high_error_rate after "),
        "{summary}"
    );
    let sent = r#"vitals_notifications_total{notifier="slack",outcome="sent"}"#;
    eventually("both are counted", || {
        let snapshot = server.json("/debug/snapshot");
        (snapshot["counters"][sent] == 2).then_some(())
    });
}

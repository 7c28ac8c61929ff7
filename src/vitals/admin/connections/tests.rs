use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex},
    task::JoinHandle,
    time::Instant,
};

use super::*;
use crate::Vitals;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A connection to an admin port that has metrics, with this many bytes between.
fn open(between: usize) -> (DuplexStream, JoinHandle<()>, watch::Sender<()>) {
    let vitals = Vitals::builder().isolated().build().unwrap();
    let answers = Answers::new(
        vitals.exporter.as_ref(),
        vitals.health.as_ref(),
        vitals.api.clone(),
    );
    let (client, server) = duplex(between);
    let stop = watch::Sender::new(());
    let peer = "127.0.0.1:9".parse().unwrap();
    let served = tokio::spawn(connection(server, peer, answers, stop.subscribe()));
    (client, served, stop)
}

#[tokio::test(start_paused = true)]
async fn the_admin_port_speaks_http_1_alone() {
    let (mut client, served, _stop) = open(1 << 20);
    client.write_all(PREFACE).await.unwrap();
    let mut answer = Vec::new();
    client.read_to_end(&mut answer).await.unwrap();
    served.await.unwrap();
    assert!(!answer.starts_with(b"HTTP/1.1 200"), "{answer:?}");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_sends_nothing_or_a_part_is_left_after_thirty_seconds() {
    for first in [&b""[..], b"P", b"GET /livez HTTP/1.1\r\n"] {
        let (mut client, served, _stop) = open(1 << 20);
        let begun = Instant::now();
        client.write_all(first).await.unwrap();
        served.await.unwrap();
        assert_eq!(begun.elapsed().as_secs(), 30, "{first:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn over_http1_an_answer_waits_thirty_seconds_for_its_reader() {
    let (mut client, served, _stop) = open(1 << 10);
    let begun = Instant::now();
    let request = b"GET /metrics HTTP/1.1\r\nhost: a\r\n\r\n";
    client.write_all(request).await.unwrap();
    served.await.unwrap();
    assert_eq!(begun.elapsed().as_secs(), 31);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_asks_now_and_then_keeps_its_connection() {
    let (mut client, served, stop) = open(1 << 20);
    for _ in 0..10 {
        let request = b"GET /nothing HTTP/1.1\r\nhost: a\r\n\r\n";
        client.write_all(request).await.unwrap();
        let mut answer = [0; 12];
        client.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"HTTP/1.1 404");
        // The rest of the head.
        let mut byte = [0];
        let mut last = Vec::new();
        while !last.ends_with(b"\r\n\r\n") {
            client.read_exact(&mut byte).await.unwrap();
            last.push(byte[0]);
        }
        time::sleep(Duration::from_secs(25)).await;
    }
    assert!(!served.is_finished());
    drop(stop);
    served.await.unwrap();
}

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex},
    task::JoinHandle,
    time::Instant,
};

use super::*;
use crate::vitals::Vitals;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Settings by which the server may send nothing of a body.
const NO_ROOM: &[u8] = &[0, 0, 6, 4, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0];

const HEADERS: u8 = 1;
const RESET: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;

/// A frame of HTTP/2: its kind, its flags, and what it holds.
type ReadFrame = (u8, u8, Vec<u8>);

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

/// The head of a request for the metrics, on a stream.
fn get_metrics(stream: u8) -> Vec<u8> {
    let head = b"\x82\x86\x04\x08/metrics\x01\x09localhost";
    let mut frame = vec![0, 0, head.len() as u8, HEADERS, 5, 0, 0, 0, stream];
    frame.extend(head);
    frame
}

/// The next frame, or `None` at the end.
async fn frame(client: &mut DuplexStream) -> Option<ReadFrame> {
    let mut head = [0; 9];
    client.read_exact(&mut head).await.ok()?;
    let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
    let mut held = vec![0; length as usize];
    client.read_exact(&mut held).await.ok()?;
    Some((head[3], head[4], held))
}

/// Answers each ping until the connection ends. Returns the other frames.
async fn alive(mut client: DuplexStream) -> Vec<ReadFrame> {
    let mut frames = Vec::new();
    while let Some(read) = frame(&mut client).await {
        match read {
            (PING, 0, held) => {
                let ping = [&[0, 0, 8, PING, 1, 0, 0, 0, 0][..], &held].concat();
                let _ = client.write_all(&ping).await;
            }
            read => frames.push(read),
        }
    }
    frames
}

#[tokio::test(start_paused = true)]
async fn over_http2_sixteen_answers_wait_for_their_reader_and_no_longer_than_thirty_seconds() {
    let (mut client, served, _stop) = open(1 << 20);
    let begun = Instant::now();
    client.write_all(PREFACE).await.unwrap();
    client.write_all(NO_ROOM).await.unwrap();
    for stream in 0..40 {
        client
            .write_all(&get_metrics(2 * stream + 1))
            .await
            .unwrap();
    }
    let frames = alive(client).await;
    served.await.unwrap();
    // Although it answers pings. One second is for its farewell.
    assert_eq!(begun.elapsed().as_secs(), 31);
    let of_kind = |kind| frames.iter().filter(move |frame| frame.0 == kind);
    assert_eq!(of_kind(HEADERS).count(), 16);
    let refused = of_kind(RESET).filter(|frame| frame.2 == [0, 0, 0, 7]);
    assert_eq!(refused.count(), 24, "{frames:?}");
    let told =
        of_kind(SETTINGS).any(|frame| frame.2.chunks(6).any(|one| one == [0, 3, 0, 0, 0, 16]));
    assert!(told, "clients know it before: {frames:?}");
}

#[tokio::test(start_paused = true)]
async fn over_http2_a_client_that_answers_no_ping_is_left_after_twenty_seconds() {
    let (mut client, served, _stop) = open(1 << 20);
    let begun = Instant::now();
    client.write_all(PREFACE).await.unwrap();
    client
        .write_all(&[0, 0, 0, SETTINGS, 0, 0, 0, 0, 0])
        .await
        .unwrap();
    served.await.unwrap();
    assert_eq!(begun.elapsed().as_secs(), 20);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_sends_nothing_or_a_part_is_left_after_thirty_seconds() {
    for first in [
        &b""[..],
        b"P",
        &PREFACE[..16],
        &PREFACE[..23],
        b"GET /livez HTTP/1.1\r\n",
    ] {
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

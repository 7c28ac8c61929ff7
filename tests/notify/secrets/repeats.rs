//! A mail server that repeats the password that it is sent.

use std::{
    io::{BufRead, BufReader, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::mpsc::{self, Receiver, Sender},
    thread,
};

/// A mail server that refuses who logs in, repeats in its answer what it was sent, and tells that to the test.
pub(super) fn repeats(answer: &str) -> (SocketAddr, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let answer = answer.to_owned();
    let (at, (hears, heard)) = (listener.local_addr().unwrap(), mpsc::channel());
    thread::spawn(move || {
        for socket in listener.incoming() {
            let (answer, hears) = (answer.clone(), hears.clone());
            thread::spawn(move || refuse(socket.unwrap(), &answer, &hears));
        }
    });
    (at, heard)
}

fn refuse(mut socket: TcpStream, answer: &str, hears: &Sender<String>) {
    let mut lines = BufReader::new(socket.try_clone().unwrap()).lines();
    let mut say = |text: &str| socket.write_all(text.as_bytes()).is_ok();
    say("220 here\r\n");
    while let Some(Ok(line)) = lines.next() {
        let goes_on = match line.split(' ').next() {
            Some("EHLO") => say("250-here\r\n250 AUTH PLAIN LOGIN\r\n"),
            Some("AUTH") => {
                let sent = line.rsplit(' ').next().unwrap().to_owned();
                let goes_on = say(&format!("{answer} {sent}\r\n"));
                // The test can have ended.
                let _ = hears.send(sent);
                goes_on
            }
            _ => say("221 bye\r\n"),
        };
        if !goes_on {
            return;
        }
    }
}

use std::{
    io::{BufRead, BufReader, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::Mutex,
};

use super::{
    super::{
        samples::{firing, repeated},
        sink::nobody,
    },
    *,
};
use crate::notify::NotificationKind;

const LONG: Duration = Duration::from_secs(20);

/// A server that takes mails. It answers a command that begins with one of these words in this way.
struct Smtp {
    at: SocketAddr,
    /// All that came.
    lines: Arc<Mutex<Vec<String>>>,
}

// === impl Smtp ===

impl Smtp {
    fn start(answers: &'static [(&'static str, &'static str)]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let at = listener.local_addr().unwrap();
        let lines = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&lines);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let _ = serve(stream, answers, &seen);
            }
        });
        Self { at, lines }
    }

    fn lines(&self) -> Vec<String> {
        self.lines.lock().unwrap().clone()
    }

    fn email(&self) -> Email {
        let url = format!("smtp://user%40shop:pass%3Aword@{}", self.at);
        let to = ["Ops <ops@example.com>", "dev@example.com"];
        Email::new(&url, "Shop <shop@example.com>", to).unwrap()
    }
}

fn serve(
    stream: TcpStream,
    answers: &[(&str, &str)],
    seen: &Mutex<Vec<String>>,
) -> std::io::Result<()> {
    let mut out = stream.try_clone()?;
    out.write_all(b"220 mail\r\n")?;
    let mut in_mail = false;
    for line in BufReader::new(stream).lines() {
        let line = line?;
        seen.lock().unwrap().push(line.clone());
        if in_mail && line != "." {
            continue;
        }
        let known = answers.iter().find(|(word, _)| line.starts_with(word));
        let answer = match (known, &*line) {
            (Some((_, answer)), _) => answer,
            (None, "DATA") => "354 go on\r\n",
            (None, line) if line.starts_with("EHLO") => "250-mail\r\n250 AUTH PLAIN\r\n",
            (None, _) => "250 ok\r\n",
        };
        in_mail = line == "DATA" && answer.starts_with('3');
        out.write_all(answer.as_bytes())?;
    }
    Ok(())
}

fn text(told: Result<(), NotifyError>) -> (bool, String) {
    let error = told.unwrap_err();
    let is_refused = matches!(error, NotifyError::Refused { .. });
    (is_refused, error.to_string())
}

#[test]
fn a_mail_reaches_all_and_those_of_one_alert_are_a_thread() {
    let smtp = Smtp::start(&[]);
    let email = smtp.email();
    email.notify(&[firing()], LONG).unwrap();
    let first = smtp.lines();
    assert_eq!(first[0], "EHLO example.com");
    // `user@shop` and `pass:word`.
    assert_eq!(first[1], "AUTH PLAIN AHVzZXJAc2hvcABwYXNzOndvcmQ=");
    assert_eq!(first[2], "MAIL FROM:<shop@example.com>");
    assert_eq!(first[3], "RCPT TO:<ops@example.com>");
    assert_eq!(first[4], "RCPT TO:<dev@example.com>");
    let header = |lines: &[String], name: &str| {
        let found = lines.iter().find_map(|line| line.strip_prefix(name));
        found.map(|value| value.trim().to_owned())
    };
    for (name, value) in [
        ("From:", "Shop <shop@example.com>"),
        ("To:", "Ops <ops@example.com>, dev@example.com"),
        ("Auto-Submitted:", "auto-generated"),
        ("MIME-Version:", "1.0"),
    ] {
        assert_eq!(header(&first, name).as_deref(), Some(value));
    }
    assert!(header(&first, "Date:").is_some());
    let kinds = first
        .iter()
        .filter(|line| line.starts_with("Content-Type:"));
    assert_eq!(kinds.count(), 3, "{first:?}");
    email
        .notify(&[repeated(NotificationKind::Repeated)], LONG)
        .unwrap();
    let second = &smtp.lines()[first.len()..];
    let root = header(&first, "Message-ID:");
    assert!(root.is_some());
    assert_eq!(header(second, "In-Reply-To:"), root);
    assert_eq!(header(second, "References:"), root);
}

#[test]
fn an_answer_of_a_mail_server_is_judged_by_its_code() {
    for (answers, refused, says) in [
        (
            &[("MAIL", "451 later\r\n")] as &'static [_],
            false,
            "answered 451",
        ),
        (&[("AUTH", "535 wrong\r\n")], true, "answered 535"),
        (
            &[("RCPT", "550 unknown sentinel\r\n")],
            true,
            "answered 550",
        ),
        (&[("DATA", "554 no\r\n")], true, "answered 554"),
        (&[(".", "452 full\r\n")], false, "answered 452"),
        (&[("EHLO", "hello\r\n")], false, "it speaks no SMTP"),
        (
            &[("EHLO", "250 mail\r\n")],
            true,
            "it has no STARTTLS, or no known way to log in",
        ),
    ] {
        let told = Smtp::start(answers).email().notify(&[firing()], LONG);
        assert_eq!(text(told), (refused, says.to_owned()));
    }
    let away = Email::new(
        &format!("smtp://{}", nobody()),
        "a@b.example",
        ["c@d.example"],
    );
    let told = away.unwrap().notify(&[firing()], LONG);
    let says = "no connection, or no answer in time".to_owned();
    assert_eq!(text(told), (false, says));
}

#[test]
fn a_recipient_who_is_refused_keeps_the_mail_from_nobody_else() {
    let smtp = Smtp::start(&[("RCPT TO:<ops", "550 unknown\r\n")]);
    let told = smtp.email().notify(&[firing()], LONG);
    assert_eq!(text(told), (true, "answered 550".to_owned()));
    assert!(smtp.lines().contains(&".".to_owned()), "the mail was sent");
}

#[test]
fn a_recipient_who_is_put_off_is_tried_again_alone() {
    let smtp = Smtp::start(&[("RCPT TO:<ops", "451 later\r\n")]);
    let email = smtp.email();
    for _ in 0..2 {
        let told = email.notify(&[firing()], LONG);
        assert_eq!(text(told), (false, "answered 451".to_owned()));
    }
    let to = |name: &str| {
        let command = format!("RCPT TO:<{name}@example.com>");
        smtp.lines().iter().filter(|line| **line == command).count()
    };
    assert_eq!((to("ops"), to("dev")), (2, 1));
}

#[test]
fn a_mail_server_that_hangs_or_drips_costs_one_attempt_and_one_thread() {
    // It says something in each step, and never ends a line.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap();
    let (go_on, stop) = mpsc::channel::<()>();
    thread::spawn(move || {
        let mut stream = listener.accept().unwrap().0;
        while let Err(mpsc::RecvTimeoutError::Timeout) =
            stop.recv_timeout(Duration::from_millis(20))
        {
            let _ = stream.write_all(b"2");
        }
    });
    let email = Email::new(&format!("smtp://{at}"), "a@b.example", ["c@d.example"]).unwrap();
    let short = Duration::from_millis(200);
    let told = email.notify(&[firing()], short);
    assert_eq!(text(told), (false, "no answer within 200ms".to_owned()));
    // It still hangs, and no second one begins.
    let told = email.notify(&[firing()], short);
    assert_eq!(text(told), (false, "the last attempt hangs".to_owned()));
    drop(go_on);
    while email.is_sending.load(SeqCst) {
        thread::yield_now();
    }
    let told = email.notify(&[firing()], LONG);
    assert!(!text(told).1.contains("hangs"));
}

#[test]
fn a_mail_goes_encrypted_or_stays_on_this_machine() {
    let smtp = Smtp::start(&[]);
    let url = format!("smtp://{}?tls=required", smtp.at);
    let email = Email::new(&url, "a@b.example", ["c@d.example"]).unwrap();
    let says = "it has no STARTTLS, or no known way to log in".to_owned();
    assert_eq!(text(email.notify(&[firing()], LONG)), (true, says));
    assert!(smtp.lines().iter().all(|line| !line.starts_with("MAIL")));
    let url = format!("smtps://{}", smtp.at);
    let email = Email::new(&url, "a@b.example", ["c@d.example"]).unwrap();
    let (is_refused, _) = text(email.notify(&[firing()], LONG));
    assert!(!is_refused);
    assert!(smtp.lines().iter().all(|line| !line.starts_with("MAIL")));
}

#[test]
fn a_bad_setting_of_mails_is_named_and_not_shown() {
    let good = "smtps://sentinel:sentinel@smtp.example.com:465";
    for (server, from, to, field) in [
        ("sentinel", "a@b.example", "c@d.example", "email.server"),
        (
            "http://sentinel",
            "a@b.example",
            "c@d.example",
            "email.server",
        ),
        (
            "smtp://sentinel@host.example",
            "a@b.example",
            "c@d.example",
            "email.server",
        ),
        (
            "smtps://169.254.169.254",
            "a@b.example",
            "c@d.example",
            "email.server",
        ),
        (
            "smtps://host.example:0",
            "a@b.example",
            "c@d.example",
            "email.server",
        ),
        (
            "smtps://host.example?sentinel",
            "a@b.example",
            "c@d.example",
            "email.server",
        ),
        (
            "smtps://host.example/sentinel",
            "a@b.example",
            "c@d.example",
            "email.server",
        ),
        (good, "sentinel", "c@d.example", "email.from"),
        (good, "sentínel@b.example", "c@d.example", "email.from"),
        (
            good,
            "a@b.example\r\nBcc: sentinel@b.example",
            "c@d.example",
            "email.from",
        ),
        (good, "a@b.example", "sentinel", "email.to"),
        (good, "a@b.example", "", "email.to"),
    ] {
        let error = Email::new(server, from, [to]).unwrap_err();
        assert_eq!(error.field(), field, "{server} {from} {to}");
        assert!(
            !format!("{error} {error:?}").contains("sentinel"),
            "{error}"
        );
    }
    let email = Email::new(good, "a@b.example", ["c@d.example"]).unwrap();
    let shown = format!("{email:?}");
    assert_eq!(shown, "Email { to: 1, .. }");
}

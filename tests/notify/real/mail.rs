//! Tells a real mail server.

use std::{env, path::Path, process::Command, time::Duration};

use serde_json::Value;
use tower_vitals::{
    Vitals,
    alerts::AlertSeverity,
    notify::{Email, Notifiers, Routes},
};

use super::{
    HOSTILE, judge,
    mail_server::{Mail, Server},
    rule, told,
};
use crate::{LONG, Level, exposition::Exposition};

/// Everything goes to the mail server.
fn mailing(email: Email) -> Notifiers {
    let severities = [
        AlertSeverity::Critical,
        AlertSeverity::Warning,
        AlertSeverity::Info,
    ];
    let routes = severities
        .into_iter()
        .fold(Routes::new(), |routes, one| routes.severity(one, ["email"]));
    Notifiers::new().notifier(email).routes(routes)
}

#[test]
#[ignore = "needs a PYTHON with aiosmtpd; .ci/run installs it"]
fn the_mails_of_one_incident_are_one_thread_for_a_mail_server() {
    let (server, level) = (Server::start(["plain"]), Level::default());
    let rule = rule(&level).repeat(Duration::from_secs(1));
    let vitals = told([rule], mailing(server.notifier()));
    judge(&vitals, &level, 2);
    let fired = server.next();
    let repeated = loop {
        judge(&vitals, &level, 2);
        if let Ok(again) = server.took.recv_timeout(Duration::from_millis(100)) {
            break Mail::read(again);
        }
    };
    judge(&vitals, &level, 0);
    let mut ended = server.next();
    // On a machine that is busy it can have been repeated twice.
    while !ended.part(0, "text/plain").contains("Resolved: ") {
        ended = server.next();
    }
    for mail in [&fired, &repeated, &ended] {
        mail.check();
        let html = mail.part(1, "text/html");
        assert!(html.starts_with("<!DOCTYPE html>"), "{html}");
        assert!(html.contains("<a href=\"https://wiki.example.com/queue\">Runbook</a>"));
    }
    let subject = "[shop] CRITICAL queue_too_long";
    assert_eq!(fired.header("subject"), subject);
    let text = fired.part(0, "text/plain");
    let headline = "Alert: queue_too_long - level_of_queue_too_long is 2.00 (threshold: 1.00)";
    assert!(text.contains(headline), "{text}");
    assert!(text.contains("Orders wait for too long"), "{text}");
    assert!(repeated.part(0, "text/plain").contains("Still firing: "));
    let root = fired.header("message-id");
    assert!(root.ends_with("@example.com>"), "{root}");
    assert_eq!(fired.headers.get("in-reply-to"), None);
    assert_eq!(fired.headers.get("references"), None);
    for mail in [&repeated, &ended] {
        assert_eq!(mail.header("subject"), format!("Re: {subject}"));
        assert_eq!(mail.header("in-reply-to"), root);
        assert_eq!(mail.header("references"), root);
        assert_ne!(mail.header("message-id"), root);
    }
    assert_ne!(repeated.header("message-id"), ended.header("message-id"));
}

#[test]
#[ignore = "needs a PYTHON with aiosmtpd; .ci/run installs it"]
fn a_mail_server_reads_every_alphabet_and_no_header_of_an_attacker() {
    let server = Server::start(["plain"]);
    let vitals = told([], mailing(server.notifier()));
    vitals.notify(AlertSeverity::Critical, HOSTILE, HOSTILE);
    assert_eq!(vitals.flush(LONG), 0);
    let mail = server.next();
    mail.check();
    let subject = mail.header("subject");
    assert!(
        subject.starts_with("[shop] CRITICAL Größe 大きい 🔥 "),
        "{subject}"
    );
    assert!(
        subject.contains("Bcc: eve@evil.example ."),
        "in one line: {subject}"
    );
    let text = mail.part(0, "text/plain");
    assert!(text.contains("Größe 大きい 🔥 <!channel> "), "{text}");
    let html = mail.part(1, "text/html");
    assert!(html.contains("Größe 大きい 🔥 &lt;!channel&gt; "), "{html}");
    assert!(!html.contains("<https://evil.example"), "{html}");
    for part in [text, html] {
        // A line of a dot does not end the mail, and nothing turns the text around.
        assert!(part.contains("\n."), "{part}");
        assert!(!part.contains('\u{202e}'), "{part}");
    }
    assert_eq!(server.rest(), Vec::<Value>::new());
}

/// A mail server that answers each message like this, and a stack with one notification for it.
fn refused(answer: &str) -> (Server, Vitals) {
    let server = Server::start(["plain", answer]);
    let vitals = told([], mailing(server.notifier()));
    vitals.notify(AlertSeverity::Critical, "down", "");
    (server, vitals)
}

fn counted(vitals: &Vitals, outcome: &str) -> f64 {
    let labels = [("notifier", "email"), ("outcome", outcome)];
    Exposition::of(vitals).sum("vitals_notifications_total", &labels)
}

#[test]
#[ignore = "needs a PYTHON with aiosmtpd; .ci/run installs it"]
fn what_a_mail_server_refuses_for_now_is_tried_again_and_else_it_is_not() {
    let (server, vitals) = refused("451 come back later");
    for _ in 0..2 {
        let refused = server.took.recv_timeout(LONG).unwrap();
        assert_eq!(refused["refused"], "451 come back later");
    }
    assert_eq!(counted(&vitals, "refused"), 0.0);
    // As at the end of a process: it was never taken.
    drop(vitals);

    let (server, vitals) = refused("554 no such thing here");
    assert_eq!(vitals.flush(LONG), 0);
    assert_eq!(counted(&vitals, "refused"), 1.0);
    let tested = vitals.test_notifiers();
    assert_eq!(tested[0].result, Err("answered 554".to_owned()));
    // The notification and the test, once each.
    for _ in 0..2 {
        server.took.recv_timeout(LONG).unwrap();
    }
    assert_eq!(server.rest(), Vec::<Value>::new());
}

#[test]
#[ignore = "needs a PYTHON with aiosmtpd; .ci/run installs it"]
fn a_mail_server_that_does_not_know_the_password_is_told_no_more() {
    let server = Server::start(["plain"]);
    let vitals = told(
        [],
        mailing(server.reached("smtp", "vitals:planted-password", "")),
    );
    vitals.notify(AlertSeverity::Critical, "down", "");
    assert_eq!(vitals.flush(LONG), 0);
    assert_eq!(counted(&vitals, "refused"), 1.0);
    let tested = vitals.test_notifiers();
    assert_eq!(tested[0].result, Err("answered 535".to_owned()));
    assert_eq!(server.rest(), Vec::<Value>::new());
}

/// The authority of the tests is known to a process whose variable `SSL_CERT_FILE` names it, so the test runs itself in another one.
#[test]
#[ignore = "needs a PYTHON with aiosmtpd; .ci/run installs it"]
fn a_password_goes_to_a_mail_server_whose_certificate_is_known() {
    let certificates = Path::new(env!("CARGO_MANIFEST_DIR")).join("certificates");
    let file = |name| certificates.join(name).to_str().unwrap().to_owned();
    let Some(authority) = env::var_os("TOLD_BY_TLS") else {
        let name = "real::mail::a_password_goes_to_a_mail_server_whose_certificate_is_known";
        for authority in ["authority.pem", "server.pem"] {
            let again = Command::new(env::current_exe().unwrap())
                .args(["--exact", name, "--include-ignored"])
                .env("SSL_CERT_FILE", file(authority))
                .env("TOLD_BY_TLS", authority)
                .status();
            assert!(again.unwrap().success(), "{authority}");
        }
        return;
    };
    let user = "vitals:p%40ss%20word";
    for (mode, scheme, settings) in [("starttls", "smtp", "?tls=required"), ("tls", "smtps", "")] {
        let server = Server::start([mode, &file("server.pem"), &file("server.key")]);
        let vitals = told([], mailing(server.reached(scheme, user, settings)));
        let tested = vitals.test_notifiers();
        if authority == "authority.pem" {
            assert_eq!(tested[0].result, Ok(()), "{mode}");
            let mail = server.next();
            mail.check();
            assert_eq!(mail.all["encrypted"], true);
        } else {
            assert!(tested[0].result.is_err(), "{mode}");
        }
        assert_eq!(server.rest(), Vec::<Value>::new());
    }
}

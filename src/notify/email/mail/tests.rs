use super::{
    super::super::samples::{
        HOSTILE, enormous, everywhere, firing, later, repeated, resolved, told,
    },
    *,
};
use crate::alerts::AlertSeverity;

fn email(all: &[Notification]) -> Email {
    let email = super::email(all, "example.com");
    for header in [&email.subject, &email.message_id]
        .into_iter()
        .chain(&email.in_reply_to)
        .chain(&email.references)
    {
        assert!(!header.contains(char::is_control), "{header:?}");
        assert!(!header.contains('\u{202e}'));
        assert!((1..=998).contains(&header.len()), "{header}");
    }
    for id in [&email.message_id].into_iter().chain(&email.references) {
        let id = id
            .strip_prefix('<')
            .and_then(|id| id.strip_suffix("@example.com>"));
        let is_atom = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'.';
        assert!(id.unwrap().bytes().all(is_atom), "{id:?}");
    }
    assert_eq!(email.in_reply_to.as_ref(), email.references.last());
    email
}

#[test]
fn a_mail_says_what_is_known() {
    let email = email(&[firing()]);
    assert_eq!(
        email.subject,
        "[shop] CRITICAL high_error_rate POST /orders/{id}"
    );
    let text = "\
shop Alert - CRITICAL

Alert: high_error_rate - error_rate_percent is 6.50 (threshold: 5.00)

More requests fail than they should

Service: shop (production)
Measured: error_rate_percent 6.50, threshold 5.00
Endpoint: POST /orders/{id}
Labels: job=mail
Since: 2027-01-15 08:00:00 UTC
Release: 1.4.2
Last deployment: 1.4.2 at 2027-01-15 07:55:00 UTC, 5m before it began
Runbook: https://wiki.example.com/errors
Where to look: https://shop.example.com/monitoring
";
    assert_eq!(email.text, text);
    for part in [
        "<h2>shop Alert - CRITICAL</h2>",
        "<p>More requests fail than they should</p>",
        "<tr><th align=\"left\">Endpoint</th><td>POST /orders/{id}</td></tr>",
        "<a href=\"https://wiki.example.com/errors\">Runbook</a>",
        "<a href=\"https://shop.example.com/monitoring\">Where to look</a>",
    ] {
        assert!(email.html.contains(part), "{}", email.html);
    }
}

#[test]
fn the_mails_of_one_incident_are_one_thread() {
    let first = email(&[firing()]);
    assert_eq!(
        (&first.in_reply_to, &first.references[..]),
        (&None, &[][..])
    );
    let mut ids = vec![first.message_id.clone()];
    for follows in [
        repeated(NotificationKind::Repeated),
        repeated(NotificationKind::Escalated),
        resolved(),
    ] {
        let mail = email(&[follows]);
        assert_eq!(mail.references, std::slice::from_ref(&first.message_id));
        assert_eq!(mail.subject, format!("Re: {}", first.subject));
        ids.push(mail.message_id);
    }
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 4);
    // Another time, another incident.
    let mut again = firing();
    again.fired_at = Some(later(again.at, 7_200));
    assert_ne!(email(&[again]).message_id, first.message_id);
    // Another service.
    let mut other = firing();
    other.origin.service = "stock".to_owned();
    assert_ne!(email(&[other]).message_id, first.message_id);
}

#[test]
fn an_attempt_that_is_repeated_is_the_same_mail() {
    let said = told(NotificationKind::Said, AlertSeverity::Info);
    for all in [
        vec![firing()],
        vec![resolved()],
        vec![resolved(), said],
        vec![],
    ] {
        assert_eq!(email(&all), email(&all));
    }
}

#[test]
fn several_notifications_are_one_mail() {
    let mut other = firing();
    other.fingerprint = "f85a8fde4ff0f4c1".parse().ok();
    let both = email(&[firing(), other.clone()]);
    assert_eq!(both.subject, "[shop] 2 notifications");
    let roots = [email(&[firing()]).message_id, email(&[other]).message_id];
    assert_eq!(both.references, roots);
    assert!(!roots.contains(&both.message_id));
    assert_eq!(both.text.matches(RULE).count(), 1);
    // Beginning and end of one alert begin its thread.
    let whole = email(&[firing(), resolved()]);
    assert_eq!(whole.message_id, roots[0]);
    assert_eq!(
        whole.subject,
        "[shop] CRITICAL high_error_rate POST /orders/{id}"
    );
    assert!(whole.text.contains("\nshop Alert - RESOLVED\n"));
}

#[test]
fn a_mail_shows_all_that_it_is_given_at_once() {
    // As many as a notifier takes, unless it says otherwise.
    let many = email(&vec![firing(); 20]);
    assert_eq!(
        many.text.matches("\nMeasured: ").count(),
        20,
        "{}",
        many.text
    );
    assert_eq!(many.html.matches("<h2>").count(), 20, "{}", many.html);
}

#[test]
fn what_is_no_alert_begins_no_thread() {
    let said = told(NotificationKind::Said, AlertSeverity::Warning);
    let mail = email(&[said]);
    assert_eq!(
        mail.subject,
        "[shop] WARNING Database connection pool at 85% capacity"
    );
    assert_eq!(mail.references, [] as [String; 0]);
    let mut long = told(NotificationKind::Said, AlertSeverity::Warning);
    long.summary = "s".repeat(5_000);
    let subject = format!("[shop] WARNING {}…", "s".repeat(184));
    assert_eq!(email(&[long]).subject, subject);
}

#[test]
fn hostile_text_adds_no_header_and_no_tag() {
    for kind in [NotificationKind::Firing, NotificationKind::Said] {
        let mut hostile = everywhere(HOSTILE);
        hostile.kind = kind;
        if kind == NotificationKind::Said {
            (hostile.fingerprint, hostile.fired_at) = (None, None);
        }
        let mail = email(&[hostile]);
        // All tags are ours.
        let ours = [
            "<!DOCTYPE html>",
            "<html lang=\"en\">",
            "<th align=\"left\">",
            "<br>",
        ];
        let mut rest = ours
            .iter()
            .fold(mail.html, |html, tag| html.replace(tag, ""));
        for tag in ["html", "body", "h2", "p", "b", "table", "tr", "th", "td"] {
            for tag in [format!("<{tag}>"), format!("</{tag}>")] {
                rest = rest.replace(&tag, "");
            }
        }
        assert!(!rest.contains(['<', '>', '"', '\'']), "{rest}");
        assert!(rest.contains("&lt;/script&gt;&lt;img src=x"));
        assert!(!mail.text.contains(['\u{202e}', '\r', '\0']));
    }
    for domain in ["", "a>\r\nBcc: x", "ä.example", &"a".repeat(300)] {
        let id = super::email(&[firing()], domain).message_id;
        assert!(id.ends_with("@localhost>"), "{id}");
    }
}

#[test]
fn five_million_bytes_fit() {
    let all = enormous();
    let mail = email(&all);
    assert!(mail.text.len() <= all.len() * 40_000, "{}", mail.text.len());
    // An escape has at most six bytes.
    assert!(
        mail.html.len() <= all.len() * 200_000,
        "{}",
        mail.html.len()
    );
    let mut long = firing();
    long.name = "n".repeat(5_000);
    assert!(email(&[long]).subject.chars().count() <= 200);
}

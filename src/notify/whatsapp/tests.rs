use std::{
    io::Write,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
};

use super::{
    super::{samples::firing, sink::Sink},
    *,
};

const LONG: Duration = Duration::from_secs(20);

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}";

fn whatsapp(sink: &Sink) -> WhatsApp {
    let made = WhatsApp::new("the-token", "1234", "service_alert").unwrap();
    made.url(&sink.url("/")).unwrap()
}

/// To whom each request went.
fn told(sink: &Sink) -> Vec<String> {
    let requests = sink.requests();
    let bodies = requests.iter().map(|one| Sink::parted(one).1);
    bodies
        .map(|body| body["to"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn each_recipient_gets_the_template_by_the_cloud_api() {
    let sink = Sink::answering(OK);
    let whatsapp = whatsapp(&sink).language("de").unwrap();
    let whatsapp = whatsapp.to("+49 171 1234567").unwrap();
    let whatsapp = whatsapp.to("+43 660 1234567").unwrap();
    whatsapp.notify(&[firing()], LONG).unwrap();
    let requests = sink.requests();
    let (head, body) = Sink::parted(&requests[0]);
    assert!(
        head.starts_with("POST /v25.0/1234/messages HTTP/1.1\r\n"),
        "{head}"
    );
    assert!(head.contains("authorization: Bearer the-token"), "{head}");
    assert_eq!(body["template"]["language"]["code"], "de");
    assert_eq!(told(&sink), ["436601234567", "491711234567"]);
    assert_eq!(whatsapp.every(), Duration::from_secs(6));
}

#[test]
fn who_has_a_message_does_not_get_it_again() {
    // The second request fails.
    let sink = Sink::start(|mut stream, number| {
        let answer = match number {
            1 => "HTTP/1.1 500 Oops\r\ncontent-length: 0\r\n\r\n",
            _ => OK,
        };
        stream.write_all(answer.as_bytes()).unwrap();
    });
    let whatsapp = ["+1 555 0000001", "+1 555 0000002", "+1 555 0000003"]
        .iter()
        .try_fold(whatsapp(&sink), |made, number| made.to(number))
        .unwrap();
    let first = whatsapp.notify(&[firing()], LONG);
    assert!(matches!(first, Err(NotifyError::Later { .. })), "{first:?}");
    whatsapp.notify(&[firing()], LONG).unwrap();
    let expected = ["15550000001", "15550000002", "15550000003", "15550000002"];
    assert_eq!(told(&sink), expected);
    // The next one is for all.
    whatsapp.notify(&[firing()], LONG).unwrap();
    assert_eq!(told(&sink).len(), 7);
}

#[test]
fn a_number_that_is_refused_keeps_nobody_from_being_told() {
    let body = r#"{"error":{"message":"no","code":131026}}"#;
    let refuse = format!(
        "HTTP/1.1 400 Bad\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let sink = Sink::start(move |mut stream, number| {
        let answer = if number == 0 { &*refuse } else { OK };
        stream.write_all(answer.as_bytes()).unwrap();
    });
    let whatsapp = whatsapp(&sink).to("+1 555 0000001").unwrap();
    let whatsapp = whatsapp.to("+1 555 0000002").unwrap();
    let text = "answered 400, code 131026".to_owned();
    let result = whatsapp.notify(&[firing()], LONG);
    assert_eq!(result, Err(NotifyError::Refused { text }));
    assert_eq!(told(&sink).len(), 2);
}

#[test]
fn a_limit_that_passes_is_tried_again_although_its_status_says_no() {
    let body = r#"{"error":{"code":131056}}"#;
    let limited = format!(
        "HTTP/1.1 400 Bad\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let whatsapp = whatsapp(&Sink::answering(limited))
        .to("+1 555 0000001")
        .unwrap();
    let result = whatsapp.notify(&[firing()], LONG);
    assert!(
        matches!(result, Err(NotifyError::Later { .. })),
        "{result:?}"
    );
}

#[test]
fn the_owner_of_a_tenant_gets_what_is_about_it_and_nothing_else() {
    let sink = Sink::answering(OK);
    let panics = Arc::new(AtomicBool::new(false));
    let now = Arc::clone(&panics);
    let whatsapp = whatsapp(&sink).to_each(move |one| {
        assert!(!now.load(Relaxed));
        let owner = one.labels.get("owner").cloned();
        owner.into_iter().chain(["no number".to_owned()]).collect()
    });
    let of = |owner: &str| {
        let mut one = firing();
        one.labels.insert("owner".to_owned(), owner.to_owned());
        one
    };
    let all = [of("+15550000001"), of("+15550000002"), of("+15550000001")];
    whatsapp.notify(&all, LONG).unwrap();
    assert_eq!(told(&sink), ["15550000001", "15550000002"]);
    let nobody = whatsapp.notify(&[firing()], LONG).unwrap_err();
    assert_eq!(nobody.to_string(), "there is no recipient");
    panics.store(true, Relaxed);
    let nobody = whatsapp.notify(&all, LONG).unwrap_err();
    assert_eq!(nobody.to_string(), "there is no recipient");
}

#[test]
fn a_bad_setting_of_whatsapp_is_named() {
    let made = || WhatsApp::new("token", "1234", "service_alert").unwrap();
    let bad = [
        WhatsApp::new(" ", "1234", "service_alert"),
        WhatsApp::new("to\nken", "1234", "service_alert"),
        WhatsApp::new("token", "12a", "service_alert"),
        WhatsApp::new("token", "1234", "Service Alert"),
        made().language("english please"),
        made().api_version("25"),
        made().url("http://example.com"),
        made().to("nobody"),
    ];
    let fields = bad.map(|made| made.unwrap_err().field().to_owned());
    let expected = [
        "token",
        "token",
        "phone_number_id",
        "template",
        "language",
        "api_version",
        "url",
        "to",
    ];
    assert_eq!(fields, expected.map(|field| format!("whatsapp.{field}")));
}

#[test]
fn a_refusal_is_told_although_somebody_else_was_put_off() {
    let answers = [
        "HTTP/1.1 400 Bad\r\ncontent-length: 0\r\n\r\n",
        "HTTP/1.1 500 Oops\r\ncontent-length: 0\r\n\r\n",
        OK,
    ];
    let sink = Sink::start(move |mut stream, number| {
        stream.write_all(answers[number].as_bytes()).unwrap();
    });
    let whatsapp = whatsapp(&sink).to("+1 555 0000001").unwrap();
    let whatsapp = whatsapp.to("+1 555 0000002").unwrap();
    let first = whatsapp.notify(&[firing()], LONG);
    assert!(matches!(first, Err(NotifyError::Later { .. })), "{first:?}");
    let second = whatsapp.notify(&[firing()], LONG);
    let text = "answered 400".to_owned();
    assert_eq!(second, Err(NotifyError::Refused { text }));
    assert_eq!(told(&sink), ["15550000001", "15550000002", "15550000002"]);
}

#[test]
fn who_has_no_time_left_is_told_in_the_next_attempt_and_nobody_twice() {
    let sink = Sink::start(|stream, number| match number {
        // It hangs for as long as it is given.
        0 => std::mem::forget(stream),
        _ => {
            let mut stream = stream;
            stream.write_all(OK.as_bytes()).unwrap();
        }
    });
    let numbers = (1..=9).map(|one| format!("+1 555 000000{one}"));
    let whatsapp = numbers.fold(whatsapp(&sink), |made, one| made.to(&one).unwrap());
    // The first one takes all of it: nobody gets less than two seconds, or all there is.
    let first = whatsapp.notify(&[firing()], Duration::from_millis(300));
    assert!(matches!(first, Err(NotifyError::Later { .. })), "{first:?}");
    assert_eq!(told(&sink).len(), 1);
    whatsapp.notify(&[firing()], LONG).unwrap();
    let mut told = told(&sink);
    told.remove(0);
    told.sort_unstable();
    told.dedup();
    assert_eq!(told.len(), 9);
    assert_eq!(sink.connections(), 10);
}

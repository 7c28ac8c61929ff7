use super::{
    super::{samples::firing, sink::Sink},
    *,
};

const LONG: Duration = Duration::from_secs(20);

const OK: &str = "HTTP/1.1 204 No Content\r\n\r\n";

#[test]
fn each_attempt_is_signed_over_the_bytes_that_are_sent() {
    let sink = Sink::answering(OK);
    let webhook = Webhook::new(&sink.url("/hook?token=t")).unwrap();
    let webhook = webhook.name("other").secret("the secret").unwrap();
    webhook.notify(&[firing()], LONG).unwrap();
    let request = &sink.requests()[0];
    let (head, body) = Sink::parted(request);
    assert!(
        head.starts_with("POST /hook?token=t HTTP/1.1\r\n"),
        "{head}"
    );
    assert_eq!(body["receiver"], "other");
    let header = head.split("x-vitals-signature: ").nth(1).unwrap();
    let header = header.lines().next().unwrap();
    let seconds = header.strip_prefix("t=").unwrap();
    let seconds: u64 = seconds.split(',').next().unwrap().parse().unwrap();
    let now = timestamp::since_1970().as_secs();
    assert!((now - 60..=now).contains(&seconds), "{header}");
    let signer = Signer::new(&Secret::new("the secret")).unwrap();
    let at = WallTime::new(Duration::from_secs(seconds));
    let bytes = &request[head.len() + 4..];
    assert_eq!(signer.header(at, bytes), header);
}

#[test]
fn without_a_secret_nothing_is_signed() {
    let sink = Sink::answering(OK);
    let webhook = Webhook::new(&sink.url("/")).unwrap();
    assert_eq!(webhook.name, "webhook");
    webhook.notify(&[firing()], LONG).unwrap();
    let requests = sink.requests();
    let (head, _) = Sink::parted(&requests[0]);
    assert!(!head.contains("signature"), "{head}");
    let error = webhook.secret("").unwrap_err();
    assert_eq!(error.field(), "webhook.secret");
}

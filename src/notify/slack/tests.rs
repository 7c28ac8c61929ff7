use super::{
    super::{samples::firing, sink::Sink},
    *,
};

const LONG: Duration = Duration::from_secs(20);

#[test]
fn a_channel_gets_the_message_at_its_webhook() {
    let sink = Sink::answering("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
    let slack = Slack::new(&sink.url("/services/T0/B0/key")).unwrap();
    slack.notify(&[firing()], LONG).unwrap();
    let request = &sink.requests()[0];
    let (head, body) = Sink::parted(request);
    assert!(
        head.starts_with("POST /services/T0/B0/key HTTP/1.1\r\n"),
        "{head}"
    );
    assert!(head.contains("content-type: application/json"), "{head}");
    assert_eq!(body, message::message(&[firing()]));
}

#[test]
fn a_webhook_that_is_gone_is_refused_with_the_word_of_slack() {
    let answer = "HTTP/1.1 404 Not Found\r\ncontent-length: 10\r\n\r\nno_service";
    let slack = Slack::new(&Sink::answering(answer).url("/services/key")).unwrap();
    let text = "answered 404: no_service".to_owned();
    let told = slack.notify(&[firing()], LONG);
    assert_eq!(told, Err(NotifyError::Refused { text }));
}

#[test]
fn there_can_be_several_channels() {
    let slack = || Slack::new("https://hooks.slack.com/services/key").unwrap();
    let names = [slack(), slack().name("deploys")].map(|slack| slack.name);
    assert_eq!(names, ["slack", "deploys"]);
}

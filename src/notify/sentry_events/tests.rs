use std::sync::{Arc, Mutex};

use ::sentry::{
    Client, ClientOptions, Envelope, Hub, Level as SentryLevel, Transport, protocol::Event,
};

use super::{
    super::samples::{firing, repeated, resolved, told},
    *,
};

/// Keeps the events that a client sends.
#[derive(Default)]
struct Kept(Mutex<Vec<Event<'static>>>);

impl Transport for Kept {
    fn send_envelope(&self, envelope: Envelope) {
        let event = envelope.event().cloned();
        self.0.lock().unwrap().extend(event);
    }
}

/// What these make, by a client of this thread.
fn events(all: &[Notification]) -> Vec<Event<'static>> {
    let kept = Arc::new(Kept::default());
    let transport: Arc<dyn Transport> = Arc::clone(&kept) as _;
    let options = ClientOptions::new()
        .dsn("http://key@127.0.0.1:1/1")
        .transport(move |_: &ClientOptions| Arc::clone(&transport));
    let client = Client::from(options);
    let hub = Arc::new(Hub::new(Some(Arc::new(client)), Arc::default()));
    Hub::run(hub, || {
        for one in all {
            let one = std::slice::from_ref(one);
            SentryEvents::new().notify(one, Duration::ZERO).unwrap();
        }
    });
    std::mem::take(&mut *kept.0.lock().unwrap())
}

#[test]
fn an_alert_is_one_issue_with_an_event_when_it_begins_and_is_escalated() {
    let all = [
        firing(),
        repeated(NotificationKind::Repeated),
        repeated(NotificationKind::Escalated),
        resolved(),
    ];
    let events = events(&all);
    let messages: Vec<_> = events
        .iter()
        .map(|one| one.message.clone().unwrap())
        .collect();
    assert_eq!(messages, [all[0].headline(), all[2].headline()]);
    let first = &events[0];
    assert_eq!(first.level, SentryLevel::Error);
    assert_eq!(first.fingerprint, events[1].fingerprint);
    assert_eq!(
        &first.fingerprint[..],
        [
            "tower-vitals",
            "alert",
            &all[0].fingerprint.unwrap().to_string()
        ]
    );
    assert_eq!(first.tags["alert"], "high_error_rate");
    assert_eq!(first.tags["kind"], "firing");
    assert_eq!(first.extra["threshold"], 5.0);
}

#[test]
fn what_is_said_has_the_level_of_its_severity_and_a_deployment_no_event() {
    let said = |severity| told(NotificationKind::Said, severity);
    let events = events(&[
        said(AlertSeverity::Warning),
        said(AlertSeverity::Info),
        told(NotificationKind::Test, AlertSeverity::Critical),
        told(NotificationKind::Deployed, AlertSeverity::Critical),
    ]);
    let levels: Vec<_> = events.iter().map(|one| one.level).collect();
    let expected = [SentryLevel::Warning, SentryLevel::Info, SentryLevel::Error];
    assert_eq!(levels, expected);
}

#[test]
fn without_a_client_it_is_refused_and_says_why() {
    let hub = Arc::new(Hub::new(None, Arc::default()));
    let told = Hub::run(hub, || {
        SentryEvents::new().notify(&[firing()], Duration::ZERO)
    });
    let text = "no client of Sentry is bound".to_owned();
    assert_eq!(told, Err(NotifyError::Refused { text }));
}

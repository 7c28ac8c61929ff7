use super::{
    super::{
        notification::NotificationKind,
        samples::{firing, told},
        sink::{Sink, nobody},
    },
    *,
};
use crate::alerts::AlertSeverity;

const LONG: Duration = Duration::from_secs(20);

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";

fn deployed() -> Notification {
    told(NotificationKind::Deployed, AlertSeverity::Info)
}

#[test]
fn all_of_a_cluster_are_told_and_one_that_takes_it_is_enough() {
    let (one, two) = (Sink::answering(OK), Sink::answering(OK));
    let away = format!("http://{}", nobody());
    let alertmanager = Alertmanager::new(&away)
        .and_then(|all| all.and(&one.url("/am")))
        .and_then(|all| all.and(&two.url("/")))
        .and_then(|all| all.authorization("Bearer key"))
        .unwrap();
    alertmanager.notify(&[firing(), deployed()], LONG).unwrap();
    for (sink, path) in [(&one, "/am/api/v2/alerts"), (&two, "/api/v2/alerts")] {
        let requests = sink.requests();
        let (head, body) = Sink::parted(&requests[0]);
        assert!(
            head.starts_with(&format!("POST {path} HTTP/1.1\r\n")),
            "{head}"
        );
        assert!(head.contains("authorization: Bearer key"), "{head}");
        assert_eq!(
            body.as_array().unwrap().len(),
            1,
            "a deployment is no alert"
        );
    }
    alertmanager.notify(&[deployed()], LONG).unwrap();
    assert_eq!((one.connections(), two.connections()), (1, 1));
}

#[test]
fn a_cluster_of_which_nobody_takes_it_is_asked_later_if_one_of_them_may_be() {
    let bad = Sink::answering("HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n");
    let busy = Sink::answering("HTTP/1.1 503 Busy\r\ncontent-length: 0\r\n\r\n");
    let refused = Alertmanager::new(&bad.url("/")).unwrap();
    let told = refused.notify(&[firing()], LONG);
    assert!(matches!(told, Err(NotifyError::Refused { .. })), "{told:?}");
    let told = refused
        .and(&busy.url("/"))
        .unwrap()
        .notify(&[firing()], LONG);
    assert!(matches!(told, Err(NotifyError::Later { .. })), "{told:?}");
}

#[test]
fn one_of_a_cluster_that_hangs_leaves_time_for_the_others() {
    let hangs = Sink::start(|stream, _| std::mem::forget(stream));
    let works = Sink::answering(OK);
    let both = Alertmanager::new(&hangs.url("/")).unwrap();
    let both = both.and(&works.url("/")).unwrap();
    both.notify(&[firing()], Duration::from_secs(2)).unwrap();
    assert_eq!(works.requests().len(), 1);
}

//! Tries a notifier out.

use super::*;

#[test]
fn a_test_has_one_attempt_and_its_end_is_told() {
    let metrics = metrics();
    let mut answers = vec![
        Err(NotifyError::Refused {
            text: "no".to_owned(),
        }),
        Err(NotifyError::Later {
            text: "busy".to_owned(),
            after: None,
        }),
        Ok(()),
    ];
    let courier = start(QUICK, &metrics, move |_, _| answers.pop().unwrap());
    for expected in [Ok(()), Err("busy"), Err("no")] {
        let end = courier
            .try_out(named("test"), Instant::now() + LONG)
            .recv_timeout(LONG)
            .unwrap();
        let end = end.map_err(|error| error.to_string());
        assert_eq!(end, expected.map_err(str::to_owned));
    }
    assert_eq!(courier.end(Instant::now() + LONG), 0);
    assert_eq!(counted(&metrics), [1, 0, 1, 1]);
    let late = courier.try_out(named("test"), Instant::now() + LONG);
    assert!(late.recv_timeout(LONG).is_err(), "it has ended");
}

#[test]
fn a_test_comes_before_what_waits_and_few_wait() {
    let metrics = metrics();
    let (told, heard) = mpsc::channel();
    let (go_on, stop) = mpsc::channel::<()>();
    let courier = start(QUICK, &metrics, move |names, _| {
        told.send(names).unwrap();
        let _ = stop.recv();
        Ok(())
    });
    courier.send(named("a"));
    heard.recv_timeout(LONG).unwrap();
    courier.send(named("b"));
    let ends: Vec<_> = (0..10)
        .map(|_| courier.try_out(named("test"), Instant::now() + LONG))
        .collect();
    drop(go_on);
    let ended = ends.iter().map(|end| end.recv_timeout(LONG).is_ok());
    assert_eq!(ended.filter(|ended| *ended).count(), 4);
    let order: Vec<_> = (0..5).map(|_| heard.recv_timeout(LONG).unwrap()).collect();
    assert_eq!(order.concat(), ["test", "test", "test", "test", "b"]);
}

#[test]
fn a_test_is_sent_while_a_message_waits_for_its_next_attempt() {
    let metrics = metrics();
    let (told, heard) = mpsc::channel();
    let slow = Terms {
        schedule: Schedule {
            pause: LONG * 10,
            ..Schedule::DEFAULT
        },
        ..QUICK
    };
    let courier = start(slow, &metrics, move |names, _| {
        told.send(names.clone()).unwrap();
        match names[0].as_str() {
            "test" => Ok(()),
            _ => Err(NotifyError::Later {
                text: "busy".to_owned(),
                after: None,
            }),
        }
    });
    courier.send(named("a"));
    assert_eq!(heard.recv_timeout(LONG).unwrap(), ["a"]);
    let until = Instant::now() + LONG;
    let end = courier.try_out(named("test"), until);
    assert_eq!(end.recv_timeout(LONG).unwrap(), Ok(()));
    // Nobody waits for this one any more.
    let late = courier.try_out(named("test"), Instant::now());
    assert!(late.recv_timeout(LONG).is_err());
    assert_eq!(heard.try_iter().count(), 1);
}

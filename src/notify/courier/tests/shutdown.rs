//! Ends a courier while something waits.

use super::*;

#[test]
fn a_shutdown_ends_at_its_deadline_and_says_what_was_not_sent() {
    let metrics = metrics();
    let mut couriers = Vec::new();
    let mut kept = Vec::new();
    for _ in 0..5 {
        let (courier, begun, go_on) = hanging(&metrics);
        courier.send(named("hangs"));
        begun.recv_timeout(LONG).unwrap();
        (0..9).for_each(|one| _ = courier.send(named(one)));
        couriers.push(courier);
        kept.push((begun, go_on));
    }
    // One that waits for its next attempt has nothing to wait for.
    let hour = Some(Duration::from_secs(3_600));
    let (told, heard) = mpsc::channel();
    let busy = start(QUICK, &metrics, move |_, _| {
        told.send(()).unwrap();
        Err(later(hour))
    });
    busy.send(named("busy"));
    heard.recv_timeout(LONG).unwrap();
    couriers.push(busy);
    couriers.push(start(QUICK, &metrics, |_, _| Ok(())));
    couriers[6].send(named("works"));
    settled(&couriers[6]);

    let timeout = Duration::from_millis(400);
    let began = Instant::now();
    assert_eq!(Courier::end_all(&couriers, timeout), 51);
    // Seven deadlines one after the other would be 2.8 s.
    assert!(began.elapsed() < timeout * 4, "{:?}", began.elapsed());
    assert_eq!(counted(&metrics), [1, 51, 0, 0]);
    for courier in &couriers {
        let accounts = courier.accounts();
        assert_eq!(accounts.pending, 0);
        assert_eq!(accounts.enqueued, accounts.sent + accounts.lost());
        courier.send(named("late"));
    }
    assert_eq!(counted(&metrics), [1, 58, 0, 0]);
    // Those that hang go on: that changes nothing any more.
    drop(kept);
    drop(couriers);
    assert_eq!(counted(&metrics), [1, 58, 0, 0]);
}

#[test]
fn a_deadline_can_only_be_brought_forward() {
    let metrics = metrics();
    let (courier, begun, _go_on) = hanging(&metrics);
    courier.send(named("a"));
    begun.recv_timeout(LONG).unwrap();
    let began = Instant::now();
    courier.mailbox.close(began + LONG * 10);
    courier.mailbox.close(began + Duration::from_millis(100));
    assert_eq!(courier.end(began + LONG * 10), 1);
    assert!(began.elapsed() < LONG, "{:?}", began.elapsed());
}

#[test]
fn a_shutdown_does_not_wait_for_what_cannot_be_sent_in_time() {
    let metrics = metrics();
    let every = LONG * 100;
    let (told, heard) = mpsc::channel();
    let slow = start(Terms { every, ..QUICK }, &metrics, move |_, _| {
        told.send(()).unwrap();
        Ok(())
    });
    slow.send(named("a"));
    heard.recv_timeout(LONG).unwrap();
    slow.send(named("b"));
    let (told, heard) = mpsc::channel();
    let busy = start(QUICK, &metrics, move |_, _| {
        told.send(()).unwrap();
        Err(later(Some(every)))
    });
    busy.send(named("c"));
    heard.recv_timeout(LONG).unwrap();
    let began = Instant::now();
    // A notifier that asked for a pause has it, and the pace of another one is over.
    assert_eq!(Courier::end_all(&[slow, busy], LONG * 2), 1);
    assert!(began.elapsed() < LONG, "{:?}", began.elapsed());
    assert_eq!(counted(&metrics), [2, 1, 0, 0]);
}

#[test]
fn a_shutdown_sends_what_waits_and_waits_no_longer_than_for_that() {
    let metrics = metrics();
    let (go_on, stop) = mpsc::channel();
    let (told, timeouts) = mpsc::channel();
    let courier = start(QUICK, &metrics, move |names, timeout| {
        told.send((names.len(), timeout)).unwrap();
        stop.recv().unwrap();
        Ok(())
    });
    courier.send(named("a"));
    timeouts.recv_timeout(LONG).unwrap();
    (0..20).for_each(|one| _ = courier.send(named(one)));
    courier
        .mailbox
        .close(Instant::now() + Duration::from_secs(4));
    go_on.send(()).unwrap();
    go_on.send(()).unwrap();
    assert_eq!(Courier::end_all(&[courier], LONG * 100), 0);
    let (many, timeout) = timeouts.recv().unwrap();
    assert_eq!(many, 20);
    assert!(
        timeout < Duration::from_secs(4),
        "no attempt is longer than what is left"
    );
    assert_eq!(counted(&metrics), [21, 0, 0, 0]);
}

#[test]
fn a_courier_that_is_dropped_ends_its_thread_and_counts_what_waits() {
    let metrics = metrics();
    let (courier, begun, go_on) = hanging(&metrics);
    courier.send(named("a"));
    begun.recv_timeout(LONG).unwrap();
    courier.send(named("b"));
    drop(courier);
    assert_eq!(counted(&metrics), [0, 2, 0, 0]);
    go_on.send(()).unwrap();
    // The notifier, and with it the other end, is dropped with the thread.
    assert!(begun.recv_timeout(LONG).is_err());
    assert_eq!(counted(&metrics), [0, 2, 0, 0]);
}

#[test]
fn at_the_end_messages_are_not_paced() {
    let metrics = metrics();
    let (told, heard) = mpsc::channel();
    let paced = Terms {
        every: LONG * 10,
        ..QUICK
    };
    let names = ["a", "b", "c"];
    let notifier = Calls(Mutex::new(move |names: Vec<String>, _| {
        told.send(names).unwrap();
        Ok(())
    }));
    let one = OneAtOnce(notifier);
    let courier = Courier::start("calls".into(), Arc::new(one), paced, &metrics).unwrap();
    for name in names {
        courier.send(named(name));
    }
    assert_eq!(courier.end(Instant::now() + LONG), 0);
    let told: Vec<_> = heard.try_iter().flatten().collect();
    assert_eq!(told, names);
}

/// Takes one notification in a message.
struct OneAtOnce<N>(N);

impl<N: Notifier> Notifier for OneAtOnce<N> {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn notify(&self, all: &[Notification], timeout: Duration) -> Result<(), NotifyError> {
        self.0.notify(all, timeout)
    }

    fn at_once(&self) -> usize {
        1
    }
}

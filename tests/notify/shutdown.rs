//! Ends a service while its notifiers hang.

use std::{convert::Infallible, future::ready};

use tower_vitals::{alerts::AlertSeverity, notify::Notifiers};

use crate::{
    Level,
    exposition::Exposition,
    notes::{Hangs, Notes},
    stack,
};

#[tokio::test]
async fn notifiers_that_hang_cost_the_shutdown_its_deadline_and_a_number() {
    let level = Level::default();
    let (slack, hangs, _slack) = Hangs::new("slack");
    let (pagerduty, also, _pagerduty) = Hangs::new("pagerduty");
    let (works, noted) = Notes::new("works");
    let notifiers = Notifiers::new()
        .notifier(slack)
        .notifier(pagerduty)
        .notifier(works);
    let vitals = stack([level.rule("down", AlertSeverity::Critical)])
        .notifiers(notifiers)
        .build()
        .unwrap();
    level.set(2);
    vitals.alerts().evaluate();
    hangs.recv().unwrap();
    also.recv().unwrap();
    noted.next();
    for title in 0..50 {
        let told = vitals.notify(AlertSeverity::Critical, &title.to_string(), "");
        assert_eq!(told, 3);
    }
    // Both hang for ever, so it returns only because there is a deadline.
    let report = vitals.run(ready(Ok::<_, Infallible>(()))).await.unwrap();
    assert_eq!(report.untold, 102);
    assert_eq!(noted.rest().len(), 50);
    let lost = |notifier| {
        let labels = [("notifier", notifier), ("outcome", "dropped")];
        Exposition::of(&vitals).sum("vitals_notifications_total", &labels)
    };
    assert_eq!(["slack", "pagerduty", "works"].map(lost), [51.0, 51.0, 0.0]);
    assert_eq!(vitals.notify(AlertSeverity::Critical, "too late", ""), 0);
    assert_eq!(lost("works"), 1.0, "it is counted");
}

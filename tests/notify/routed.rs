//! Decides who is told, and refuses what would reach nobody.

use tower_vitals::{
    alerts::AlertSeverity,
    notify::{NotificationKind, Notifiers, Routes},
};

use crate::{LONG, Level, notes::Notes, stack};

#[test]
fn each_severity_and_each_rule_has_its_route() {
    let level = Level::default();
    let names = ["slack", "pagerduty", "email"];
    let ([slack, pagerduty, email], noted) = {
        let made = names.map(Notes::new);
        let [(a, x), (b, y), (c, z)] = made;
        ([a, b, c], [x, y, z])
    };
    let notifiers = Notifiers::new()
        .notifier(slack)
        .notifier(pagerduty)
        .notifier(email);
    let vitals = stack([
        level.rule("down", AlertSeverity::Critical),
        level.rule("slow", AlertSeverity::Info),
        level.rule("disk_space_low", AlertSeverity::Warning),
    ])
    .notifiers(notifiers)
    .build()
    .unwrap();
    level.set(2);
    vitals.alerts().evaluate();
    assert_eq!(vitals.flush(LONG), 0);
    let told = noted.map(|noted| {
        let mut told: Vec<_> = noted.rest().into_iter().map(|one| one.name).collect();
        told.sort_unstable();
        told
    });
    // As guide G0 has it.
    let [slack, pagerduty, email] = told;
    assert_eq!(slack, ["disk_space_low", "down", "slow"]);
    assert_eq!(pagerduty, ["down"]);
    assert_eq!(email, ["disk_space_low"]);
}

#[test]
fn who_is_told_later_is_told_at_once_if_the_time_is_zero() {
    let level = Level::default();
    let ((slack, first), (pagerduty, second)) = (Notes::new("slack"), Notes::new("pagerduty"));
    let routes = Routes::new()
        .severity(AlertSeverity::Critical, ["slack"])
        .escalate_rule("down", std::time::Duration::ZERO, ["pagerduty"]);
    let notifiers = Notifiers::new().notifier(slack).notifier(pagerduty);
    let vitals = stack([level.rule("down", AlertSeverity::Critical)])
        .notifiers(notifiers.routes(routes))
        .build()
        .unwrap();
    level.set(2);
    vitals.alerts().evaluate();
    assert_eq!(first.next().kind, NotificationKind::Firing);
    assert_eq!(second.next().kind, NotificationKind::Escalated);
    level.set(0);
    vitals.alerts().evaluate();
    for noted in [&first, &second] {
        assert_eq!(noted.next().kind, NotificationKind::Resolved);
    }
    assert_eq!(vitals.flush(LONG), 0);
    assert_eq!((first.rest(), second.rest()), (vec![], vec![]));
}

#[test]
fn a_rule_that_reaches_nobody_fails_at_build() {
    let level = Level::default();
    let build = |routes: Routes| {
        let (slack, _) = Notes::new("slack");
        let notifiers = Notifiers::new().notifier(slack).routes(routes);
        let rules = [level.rule("down", AlertSeverity::Critical)];
        let built = stack(rules).notifiers(notifiers).build();
        built.map(drop).map_err(|error| error.to_string())
    };
    let critical = AlertSeverity::Critical;
    assert_eq!(build(Routes::new().severity(critical, ["slack"])), Ok(()));
    for (routes, message) in [
        (
            Routes::new().severity(AlertSeverity::Info, ["slack"]),
            r#"routes.down: invalid value "down": no route leads from it or from `critical` to a notifier"#,
        ),
        (
            Routes::new().severity(critical, ["pager"]),
            r#"routes.critical: invalid value "pager": no notifier has this name: there is slack"#,
        ),
        (
            Routes::new().rule("dwon", ["slack"]),
            r#"routes.dwon: invalid value "dwon": no rule has this name"#,
        ),
    ] {
        assert_eq!(build(routes), Err(message.to_owned()));
    }
}

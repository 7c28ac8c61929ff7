use super::*;
use crate::{
    alerts::{Labels, Transition},
    notify::samples,
    statistics::WallTime,
};

const MINUTE: Duration = Duration::from_secs(60);

fn alert(name: &str, state: AlertState, muted: Option<Muted>) -> Alert {
    Alert {
        fingerprint: Fingerprint::of(name, &Labels::new()),
        name: name.to_owned(),
        state,
        muted,
        ..samples::alert()
    }
}

fn step(
    current: &mut Current,
    ended: &[(&str, Notice)],
    firing: &[(&str, Option<Muted>)],
) -> Vec<(String, NotificationKind)> {
    let transitions = ended.iter().map(|(name, notice)| Transition {
        alert: alert(name, AlertState::Resolved, None),
        from: AlertState::Firing,
        notice: *notice,
    });
    let firing = firing.iter();
    let firing = firing.map(|(name, muted)| alert(name, AlertState::Firing, *muted));
    let state = current.step(
        &Evaluation {
            part: crate::alerts::Part::All,
            elapsed: MINUTE,
            at: WallTime::new(Duration::from_secs(1_800_000_000)),
            interval: MINUTE,
            transitions: &transitions.collect::<Vec<_>>(),
            firing: &firing.collect::<Vec<_>>(),
        },
        &Origin::default(),
    );
    let shown = state.into_iter().map(|one| {
        assert_eq!(one.again_in, Some(MINUTE));
        (one.name, one.kind)
    });
    shown.collect()
}

#[test]
fn an_alert_is_told_at_each_evaluation_and_its_end_for_fifteen_minutes() {
    let mut current = Current::default();
    let firing = ("down".to_owned(), NotificationKind::Firing);
    let ended = ("down".to_owned(), NotificationKind::Resolved);
    for _ in 0..3 {
        let told = step(&mut current, &[], &[("down", None)]);
        assert_eq!(told, std::slice::from_ref(&firing));
    }
    let told = step(&mut current, &[("down", Notice::Tell)], &[]);
    assert_eq!(told, std::slice::from_ref(&ended));
    for _ in 0..14 {
        assert_eq!(step(&mut current, &[], &[]), std::slice::from_ref(&ended));
    }
    assert_eq!(step(&mut current, &[], &[]), []);
}

#[test]
fn an_alert_that_fires_again_has_not_ended() {
    let mut current = Current::default();
    step(&mut current, &[], &[("down", None)]);
    step(&mut current, &[("down", Notice::Tell)], &[]);
    let told = step(&mut current, &[], &[("down", None)]);
    assert_eq!(told, [("down".to_owned(), NotificationKind::Firing)]);
}

#[test]
fn what_is_silenced_is_not_told_and_what_flaps_is() {
    let mut current = Current::default();
    let told = step(
        &mut current,
        &[],
        &[
            ("silenced", Some(Muted::Silenced(1))),
            ("inhibited", Some(Muted::Inhibited)),
            ("flapping", Some(Muted::Flapping)),
            ("acknowledged", Some(Muted::Acknowledged)),
        ],
    );
    let names: Vec<_> = told.into_iter().map(|one| one.0).collect();
    assert_eq!(names, ["flapping", "acknowledged"]);
    // Nobody here has heard that these began.
    let untold = Notice::Muted(Muted::Untold);
    let told = step(
        &mut current,
        &[("silenced", untold), ("flapping", untold)],
        &[],
    );
    assert_eq!(told, [("flapping".to_owned(), NotificationKind::Resolved)]);
}

#[test]
fn an_alert_that_is_muted_while_it_is_told_is_told_on_until_its_end() {
    let mut current = Current::default();
    let firing = ("down".to_owned(), NotificationKind::Firing);
    let told = step(&mut current, &[], &[("down", None)]);
    assert_eq!(told, std::slice::from_ref(&firing));
    for muted in [Muted::Silenced(1), Muted::Inhibited] {
        let told = step(&mut current, &[], &[("down", Some(muted))]);
        assert_eq!(told, std::slice::from_ref(&firing));
    }
    let told = step(&mut current, &[("down", Notice::Tell)], &[]);
    assert_eq!(told, [("down".to_owned(), NotificationKind::Resolved)]);
}

use serde_json::json;

use super::*;
use crate::{notify::samples, statistics::WallTime};

/// When all of these were decided.
const AT: Duration = Duration::from_secs(1_800_000_000);

fn letter(name: &str, to: &[&str]) -> StoredLetter {
    let one = super::super::notification::Notification {
        name: name.to_owned(),
        at: WallTime::new(AT),
        ..samples::firing()
    };
    StoredLetter::new(to.iter().copied().map(str::to_owned).collect(), &one)
}

fn names(letters: &Readable<StoredLetter>) -> Vec<(String, Vec<String>)> {
    let known = letters.known.iter().map(|letter| {
        let json = serde_json::to_value(letter).unwrap();
        let name = json["name"].as_str().unwrap().to_owned();
        (name, letter.to.iter().cloned().collect())
    });
    known.collect()
}

fn to(names: &[&str]) -> Vec<String> {
    names.iter().copied().map(str::to_owned).collect()
}

#[test]
fn a_letter_is_kept_for_those_who_do_not_have_it_yet() {
    let mut outbox = Outbox::default();
    outbox.put(letter("one", &["slack", "pagerduty"]));
    assert!(!outbox.is_settled());
    let mut over = outbox.hand_over(AT, |_| true);
    let (_, mut tickets) = over.letters.pop().unwrap();
    let all = to(&["pagerduty", "slack"]);
    assert_eq!(names(&outbox.stored()), [("one".to_owned(), all)]);
    tickets.retain(|(name, _)| name == "slack");
    let slack = to(&["slack"]);
    assert_eq!(names(&outbox.stored()), [("one".to_owned(), slack)]);
    assert!(!outbox.is_settled());
    drop(tickets);
    assert_eq!(names(&outbox.stored()), []);
    assert!(outbox.is_settled());
}

#[test]
fn what_is_handed_over_once_is_not_handed_over_again() {
    let mut outbox = Outbox::default();
    outbox.put(letter("one", &["slack"]));
    let over = outbox.hand_over(AT, |_| true);
    assert_eq!(over.letters.len(), 1);
    assert!(outbox.hand_over(AT, |_| true).letters.is_empty());
    // Only what was not handed over can be taken back.
    outbox.put(letter("two", &["slack"]));
    outbox.take_back();
    assert_eq!(names(&outbox.stored()).len(), 1);
}

#[test]
fn all_that_is_decided_at_once_is_handed_over_and_a_successor_gets_as_much_as_can_wait() {
    let mut outbox = Outbox::default();
    for index in 0..1_000 {
        outbox.put(letter(&index.to_string(), &["slack"]));
        outbox.put(letter(&format!("rare {index}"), &["email"]));
    }
    let stored = names(&outbox.stored());
    assert_eq!(stored.len(), 512, "the newest of each notifier");
    assert_eq!(stored[0].0, "744");
    assert_eq!(stored[511].0, "rare 999");
    let over = outbox.hand_over(AT, |_| true);
    assert_eq!(over.letters.len(), 2_000);
    assert_eq!(over.lost, BTreeMap::new());
}

#[test]
fn a_letter_that_is_older_than_ten_minutes_is_lost_and_counted() {
    let ten = Duration::from_secs(600);
    for (age, told) in [(ten, 1), (ten + Duration::from_nanos(1), 0)] {
        let mut outbox = Outbox::default();
        outbox.put(letter("one", &["slack", "pagerduty"]));
        let over = outbox.hand_over(AT + age, |_| true);
        assert_eq!(over.letters.len(), told);
        let lost = over.lost.get("slack").copied().unwrap_or(0);
        assert_eq!(lost, 1 - told as u64);
        assert_eq!(over.lost.len(), 2 * lost as usize);
        assert_eq!(names(&outbox.stored()).len(), told);
        // It is counted once.
        assert_eq!(outbox.hand_over(AT + age, |_| true).lost.len(), 0);
    }
}

#[test]
fn a_letter_of_a_clock_that_was_ahead_gets_too_old_like_any_other() {
    let mut outbox = Outbox::default();
    let day = Duration::from_secs(24 * 60 * 60);
    let before = AT - day;
    outbox.go_on(vec![letter("one", &["elsewhere"])].into(), before);
    let later = before + Duration::from_secs(601);
    let over = outbox.hand_over(later, |_| false);
    assert_eq!(over.lost, [("elsewhere".to_owned(), 1)].into());
}

#[test]
fn what_nobody_here_can_tell_is_handed_on_until_it_is_too_old() {
    let sealed = json!({"to": ["slack"], "at": AT, "kind": "sung", "song": 7});
    let strange = json!("a letter of a far future");
    let mut outbox = Outbox::default();
    let letters = Readable {
        known: vec![letter("one", &["new", "slack"])],
        other: vec![sealed.clone(), strange.clone()],
    };
    outbox.go_on(letters, AT);
    let over = outbox.hand_over(AT, |name| name == "slack");
    assert_eq!(over.letters.len(), 1);
    assert_eq!(over.letters[0].1.len(), 1, "only Slack is here");
    drop(over);
    assert!(outbox.is_settled(), "nobody waits for others");
    let stored = outbox.stored();
    assert_eq!(names(&stored), [("one".to_owned(), to(&["new"]))]);
    assert_eq!(stored.other, [sealed, strange]);
    let late = AT + Duration::from_secs(601);
    let over = outbox.hand_over(late, |name| name == "slack");
    let lost = ["new", "slack"].map(|name| (name.to_owned(), 1));
    assert_eq!(over.lost, lost.into());
    assert_eq!(outbox.stored(), Readable::default());
}

#[test]
fn letters_of_a_later_version_are_bounded_and_those_without_a_place_are_counted() {
    let sealed = |index: usize| json!({"to": ["slack"], "at": AT, "song": index});
    let mut outbox = Outbox::default();
    let letters = Readable {
        known: Vec::new(),
        other: (0..300).map(sealed).collect(),
    };
    outbox.go_on(letters, AT);
    let over = outbox.hand_over(AT, |_| true);
    assert_eq!(over.lost, [("slack".to_owned(), 44)].into());
    let stored = outbox.stored().other;
    assert_eq!((stored.len(), &stored[0]), (256, &sealed(44)));
}

#[test]
fn who_follows_leaves_what_it_cannot_tell_to_who_leads() {
    let mut outbox = Outbox::default();
    let letters = Readable {
        known: vec![letter("one", &["new"])],
        other: vec![json!({"to": ["slack"], "at": AT})],
    };
    outbox.go_on(letters, AT);
    outbox.hand_over(AT, |_| false);
    outbox.follow();
    assert_eq!(outbox.stored(), Readable::default());
    let late = AT + Duration::from_secs(601);
    assert_eq!(outbox.hand_over(late, |_| false).lost.len(), 0);
}

#[test]
fn a_letter_keeps_what_a_later_version_wrote() {
    let mut json = serde_json::to_value(letter("one", &["slack"])).unwrap();
    json["urgency"] = json!({"level": 3});
    let read: StoredLetter = serde_json::from_value(json.clone()).unwrap();
    assert_eq!(serde_json::to_value(read).unwrap(), json);
}

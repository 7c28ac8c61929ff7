use super::{
    super::samples::{HOSTILE, enormous, everywhere, firing, resolved},
    *,
};

#[test]
fn an_alert_has_the_labels_that_tell_it_from_others() {
    let labels = labels(&firing());
    let labels: Vec<_> = labels
        .iter()
        .map(|(a, b)| (a.as_str(), b.as_str()))
        .collect();
    assert_eq!(
        labels,
        [
            ("alertname", "high_error_rate"),
            ("endpoint", "/orders/{id}"),
            ("environment", "production"),
            ("job", "mail"),
            ("method", "POST"),
            ("service", "shop"),
            ("severity", "critical"),
        ]
    );
}

#[test]
fn the_labels_of_an_alert_stay_the_same_until_its_end() {
    assert_eq!(labels(&firing()), labels(&resolved()));
}

#[test]
fn an_instance_and_a_reserved_name_are_labels_of_the_application() {
    let reserved = [
        "alertname",
        "severity",
        "service",
        "environment",
        "instance",
    ];
    let mut alert = firing();
    for name in reserved {
        alert.labels.insert(name.to_owned(), "mine".to_owned());
    }
    let labels = labels(&alert);
    assert_eq!(labels.get("instance"), None);
    for name in reserved {
        assert_eq!(labels[&format!("exported_{name}")], "mine");
    }
    assert_eq!(labels["alertname"], "high_error_rate");
}

#[test]
fn names_of_labels_are_made_valid() {
    for (name, shown) in [
        ("a.b-c", "a_b_c"),
        ("1st", "_1st"),
        ("", "_"),
        ("ä{}\n", "____"),
        ("queue_name2", "queue_name2"),
    ] {
        assert_eq!(valid(name), shown);
    }
}

#[test]
fn annotations_say_what_is_known() {
    let annotations = annotations(&firing());
    let summary = "Alert: high_error_rate - error_rate_percent is 6.50 (threshold: 5.00)";
    assert_eq!(annotations["summary"], summary);
    assert_eq!(
        annotations["runbook_url"],
        "https://wiki.example.com/errors"
    );
    let description = &annotations["description"];
    assert!(description.starts_with("More requests fail than they should\n\nService: shop"));
    assert!(description.contains("\nEndpoint: POST /orders/{id}\n"));
    assert!(description.contains("\nLast deployment: 1.4.2 at "));
}

#[test]
fn nothing_grows_without_end() {
    let mut all = enormous();
    all.push(everywhere(HOSTILE));
    all.push(everywhere(""));
    for one in all {
        let (labels, annotations) = (labels(&one), annotations(&one));
        assert!(labels.len() <= MOST_LABELS);
        for (name, value) in &labels {
            assert!(name.len() <= 1_010 && !name.is_empty());
            assert!(!value.is_empty() && value.chars().count() <= LONGEST_VALUE);
            assert_eq!(&plain::line(value, usize::MAX), value);
        }
        for value in annotations.values() {
            assert!(
                value.len() <= LONGEST_DESCRIPTION + 30_000,
                "{}",
                value.len()
            );
        }
        assert!(labels.contains_key("alertname"));
    }
}

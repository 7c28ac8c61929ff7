use super::{
    super::super::{
        notification::NotificationKind,
        samples::{HOSTILE, enormous, everywhere, firing, resolved, told},
    },
    *,
};
use crate::alerts::AlertSeverity;

fn written(all: &[Notification]) -> Value {
    let recipient = Recipient::new("+49 (171) 123-4567").unwrap();
    let template = Template::new("service_alert", "en_US").unwrap();
    message(all, &recipient, &template)
}

/// The rules of Meta for parameters.
fn assert_rules(all: &[Notification]) {
    let parameters = parameters(all);
    let length: usize = parameters
        .iter()
        .map(|text| text.encode_utf16().count())
        .sum();
    assert!(length <= LONGEST, "{length}");
    for text in parameters {
        assert!(!text.is_empty());
        assert!(!text.contains(['\n', '\r', '\t', '\u{202e}']), "{text:?}");
        assert!(!text.contains("     "), "{text:?}");
    }
}

#[test]
fn a_message_is_a_template_with_three_parameters() {
    let message = written(&[firing()]);
    let text = "Alert: high_error_rate - error_rate_percent is 6.50 (threshold: 5.00) | \
        More requests fail than they should | Runbook: https://wiki.example.com/errors | \
        Where to look: https://shop.example.com/monitoring | Service: shop (production) | \
        Measured: error_rate_percent 6.50, threshold 5.00 | Endpoint: POST /orders/{id} | Labels: job=mail | \
        Since: 2027-01-15 08:00:00 UTC | Release: 1.4.2 | \
        Last deployment: 1.4.2 at 2027-01-15 07:55:00 UTC, 5m before it began";
    let expected = json!({
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        "to": "491711234567",
        "type": "template",
        "template": {
            "name": "service_alert",
            "language": { "code": "en_US" },
            "components": [{
                "type": "body",
                "parameters": [
                    { "type": "text", "text": "CRITICAL" },
                    { "type": "text", "text": "high_error_rate" },
                    { "type": "text", "text": text },
                ],
            }],
        },
    });
    assert_eq!(message, expected);
}

#[test]
fn several_notifications_are_one_message() {
    let all = [resolved(), firing()];
    let [urgency, name, text] = parameters(&all);
    assert_eq!(
        (urgency.as_str(), name.as_str()),
        ("CRITICAL", "2 notifications")
    );
    assert!(text.starts_with("Resolved: high_error_rate of POST"));
    assert!(text.contains(" | Alert: high_error_rate - "));
    assert_eq!(parameters(&all[..1])[0], "RESOLVED");
}

#[test]
fn parameters_keep_the_rules_of_meta() {
    assert_rules(&[firing()]);
    assert_rules(&[everywhere(HOSTILE)]);
    assert_rules(&[everywhere("")]);
    assert_rules(&[]);
    let enormous = enormous();
    for one in &enormous {
        assert_rules(std::slice::from_ref(one));
    }
    assert_rules(&enormous);
    assert_rules(&vec![firing(); 20]);
    assert_rules(&vec![firing(); 2_000]);
    let mut said = told(NotificationKind::Said, AlertSeverity::Info);
    said.text = "a     b\n\nc\td".to_owned();
    assert!(parameters(&[said])[2].contains("a b c d"));
}

#[test]
fn a_link_is_whole_or_left_out() {
    let mut alert = firing();
    alert.summary = "s".repeat(5_000);
    alert.text = "t".repeat(5_000);
    for length in [30, 100, 200] {
        let address = format!("https://a.example/{}", "a".repeat(length - 18));
        alert.runbook = Some(address.clone());
        let text = &parameters(std::slice::from_ref(&alert))[2];
        let runbook = format!(" | Runbook: {address}");
        assert!(text.contains(&format!("{runbook} | ")) || !text.contains("Runbook"));
        assert_eq!(text.contains("Runbook"), length <= 100, "{text}");
    }
}

#[test]
fn a_recipient_is_a_number_that_does_not_print() {
    for wrong in [
        "",
        "123456",
        "1234567890123456",
        "+49 171 x",
        "0171;1234567",
        "١٢٣٤٥٦٧",
    ] {
        let error = Recipient::new(wrong).unwrap_err().to_string();
        assert!(wrong.is_empty() || !error.contains(wrong), "{error}");
    }
    let recipient = Recipient::new("1234567").unwrap();
    assert_eq!(format!("{recipient:?}"), "…");
}

#[test]
fn settings_that_would_change_the_request_are_refused() {
    assert_eq!(path(API_VERSION, "1234").unwrap(), "/v25.0/1234/messages");
    for (version, id) in [
        ("23.0", "1"),
        ("v23", "1"),
        ("v1.0/x", "1"),
        ("v25.0", ""),
        ("v25.0", "1/../2"),
    ] {
        assert!(path(version, id).is_err(), "{version} {id}");
    }
    for (name, language) in [
        ("", "en"),
        ("Alert", "en"),
        ("a b", "en"),
        ("a", ""),
        ("a", "en-US\""),
    ] {
        assert!(Template::new(name, language).is_err(), "{name} {language}");
    }
}

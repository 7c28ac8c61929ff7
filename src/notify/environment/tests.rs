use std::{collections::BTreeMap, env, fs, process};

use super::*;

/// Each variable with a value that works.
const VARIABLES: [(&str, &str); 12] = [
    (
        "SLACK_WEBHOOK_URL",
        "https://hooks.slack.com/services/sentinel",
    ),
    ("PAGERDUTY_ROUTING_KEY", "sentinel"),
    ("WHATSAPP_TOKEN", "sentinel"),
    ("WHATSAPP_PHONE_NUMBER_ID", "1234"),
    ("WHATSAPP_TEMPLATE", "service_alert"),
    ("WHATSAPP_TO", "+1 555 0000001,+1 555 0000002"),
    ("SMTP_URL", "smtps://user:sentinel@smtp.example.com:465"),
    ("EMAIL_FROM", "shop@example.com"),
    ("EMAIL_TO", "Ops <ops@example.com>, dev@example.com"),
    ("WEBHOOK_URL", "https://hooks.example.com/sentinel"),
    ("WEBHOOK_SECRET", "sentinel"),
    (
        "ALERTMANAGER_URL",
        "https://a.example.com, https://b.example.com/sentinel",
    ),
];

fn made(variables: &BTreeMap<&str, &str>) -> Result<Vec<String>, ConfigError> {
    let value = |name: &str| variables.get(name).map(|value| (*value).to_owned());
    let all = notifiers(&Environment(&value))?;
    Ok(all.iter().map(|one| one.name().to_owned()).collect())
}

#[test]
fn the_variables_make_the_notifiers() {
    assert_eq!(made(&BTreeMap::new()).unwrap(), [""; 0]);
    let all = BTreeMap::from(VARIABLES);
    let names = [
        "slack",
        "pagerduty",
        "whatsapp",
        "email",
        "webhook",
        "alertmanager",
    ];
    assert_eq!(made(&all).unwrap(), names);
    // These can be there for messages of the application.
    for to in ["WHATSAPP_TO", "EMAIL_TO"] {
        let mut variables = all.clone();
        variables.remove(to);
        assert_eq!(made(&variables).unwrap().len(), names.len() - 1, "{to}");
    }
    // The key of another API makes nobody.
    let other = BTreeMap::from([("PAGERDUTY_API_KEY", "sentinel")]);
    assert_eq!(made(&other).unwrap(), [""; 0]);
}

#[test]
fn a_secret_can_stand_in_a_file_and_not_in_both() {
    let file = env::temp_dir().join(format!("tower-vitals-secret-{}", process::id()));
    let all = BTreeMap::from(VARIABLES);
    let all_of_them = made(&all).unwrap().len();
    let is_secret = |name: &str| {
        (!name.starts_with("WHATSAPP_") && !name.starts_with("EMAIL_")) || name == "WHATSAPP_TOKEN"
    };
    for (name, value) in VARIABLES.into_iter().filter(|one| is_secret(one.0)) {
        fs::write(&file, format!(" {value}\n")).unwrap();
        let name_of_file = format!("{name}_FILE");
        let mut variables = all.clone();
        variables.insert(&name_of_file, file.to_str().unwrap());
        let error = made(&variables).unwrap_err();
        assert_eq!(error.field(), name_of_file);
        assert_eq!(error.reason(), format!("{name} is set as well"));
        variables.remove(name);
        assert_eq!(made(&variables).unwrap().len(), all_of_them, "{name}");
    }
    fs::remove_file(&file).unwrap();
}

#[test]
fn a_bad_variable_of_a_notifier_is_named_and_not_shown() {
    for (name, value) in [
        ("SLACK_WEBHOOK_URL", "http://hooks.example.com/sentinel"),
        ("PAGERDUTY_ROUTING_KEY", "sentinel sentinel"),
        ("PAGERDUTY_URL", "ftp://sentinel"),
        ("WHATSAPP_TOKEN", "sentinel\nsentinel"),
        ("WHATSAPP_PHONE_NUMBER_ID", "12 sentinel"),
        ("WHATSAPP_TEMPLATE", "sentinel!"),
        ("WHATSAPP_TEMPLATE_LANG", "e"),
        ("WHATSAPP_API_VERSION", "25"),
        ("WHATSAPP_URL", "sentinel"),
        ("WHATSAPP_TO", "+1 555 0000001,sentinel"),
        ("SMTP_URL", "ftp://sentinel"),
        ("EMAIL_FROM", "sentinel"),
        ("EMAIL_TO", "ops@example.com, sentinel"),
        ("WEBHOOK_URL", "sentinel"),
        ("ALERTMANAGER_URL", "https://a.example.com,sentinel"),
    ] {
        let mut variables = BTreeMap::from(VARIABLES);
        variables.insert(name, value);
        let error = made(&variables).unwrap_err();
        assert_eq!(error.field(), name);
        assert!(!error.to_string().contains("sentinel"), "{error}");
    }
    for needed in [
        "WHATSAPP_PHONE_NUMBER_ID",
        "WHATSAPP_TEMPLATE",
        "WHATSAPP_TOKEN",
        "EMAIL_FROM",
        "SMTP_URL",
    ] {
        let mut variables = BTreeMap::from(VARIABLES);
        variables.remove(needed);
        assert_eq!(made(&variables).unwrap_err().field(), needed);
    }
    let alone = BTreeMap::from([("WEBHOOK_SECRET", "sentinel")]);
    let error = made(&alone).unwrap_err();
    assert_eq!(error.field(), "WEBHOOK_URL");
}

//! Writes who an Alertmanager tells, with files in the place of secrets.

use serde::Serialize;

/// Where secrets are expected.
const SECRETS: &str = "/etc/alertmanager/secrets";

/// Who is told, and how.
#[derive(Debug, Default, Serialize)]
pub(super) struct Receiver {
    name: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    slack_configs: Vec<Slack>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pagerduty_configs: Vec<PagerDuty>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    email_configs: Vec<Email>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    webhook_configs: Vec<Webhook>,
    #[serde(skip)]
    comments: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Slack {
    api_url_file: String,
    send_resolved: bool,
}

#[derive(Debug, Serialize)]
struct PagerDuty {
    routing_key_file: String,
    severity: &'static str,
    send_resolved: bool,
}

#[derive(Debug, Serialize)]
struct Email {
    to: &'static str,
    from: &'static str,
    smarthost: &'static str,
    send_resolved: bool,
}

#[derive(Debug, Serialize)]
struct Webhook {
    url: String,
    send_resolved: bool,
}

// === impl Receiver ===

impl Receiver {
    /// A receiver that tells these notifiers.
    pub(super) fn new(name: &str, notifiers: &[&str]) -> Self {
        let mut receiver = Self {
            name: name.to_owned(),
            ..Self::default()
        };
        for notifier in notifiers {
            receiver.add(notifier);
        }
        receiver
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// What is still to be filled in, and what cannot be told.
    pub(super) fn comments(&self) -> impl Iterator<Item = String> {
        self.comments.iter().cloned()
    }

    fn add(&mut self, notifier: &str) {
        let send_resolved = true;
        let file = |name: &str| format!("{SECRETS}/{name}");
        match notifier {
            "slack" => self.slack_configs.push(Slack {
                api_url_file: file("slack"),
                send_resolved,
            }),
            "pagerduty" => self.pagerduty_configs.push(PagerDuty {
                routing_key_file: file("pagerduty"),
                severity: "{{ .CommonLabels.severity }}",
                send_resolved,
            }),
            "email" => {
                self.email_configs.push(Email {
                    to: "oncall@example.com",
                    from: "alertmanager@example.com",
                    smarthost: "localhost:25",
                    send_resolved,
                });
                self.say("email: fill in who writes to whom, and by which server");
            }
            "alertmanager" => self.say("alertmanager: what is here has arrived there already"),
            "sentry" => self.say("sentry: Alertmanager tells it nothing"),
            other => {
                // The name of a notifier can have what an address has not.
                let is_plain = |one: &char| one.is_ascii_alphanumeric();
                let path: String = other.chars().filter(is_plain).collect();
                self.webhook_configs.push(Webhook {
                    url: format!("http://localhost:9095/{path}"),
                    send_resolved,
                });
                self.say(&format!("{other}: fill in the address of what tells it"));
            }
        }
    }

    fn say(&mut self, comment: &str) {
        self.comments.push(comment.to_owned());
    }
}

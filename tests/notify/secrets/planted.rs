//! Plants a secret in every setting of every notifier.

use std::net::SocketAddr;

use tower_vitals::{
    alerts::AlertSeverity,
    notify::{
        Alertmanager, Email, Notifiers, PagerDuty, Routes, SentryEvents, Slack, Webhook, WhatsApp,
    },
};

use super::shown::Shown;

/// One word, as an answer can have that is shown, and 32 characters, as a key of PagerDuty has.
pub(super) const PLANTED: &str = "plantedplantedplantedplantedplan";

/// The number of a person.
pub(super) const NUMBER: &str = "491715550199";

/// Where a person gets mails.
pub(super) const PERSON: &str = "planted-person@example.com";

/// The names that all notifiers of this crate have.
pub(super) const NAMES: [&str; 7] = [
    "alertmanager",
    "email",
    "pagerduty",
    "sentry",
    "slack",
    "webhook",
    "whatsapp",
];

/// What went wrong, and where the notifiers send to.
pub(super) struct Failure {
    pub(super) name: &'static str,
    pub(super) http: String,
    pub(super) smtp: SocketAddr,
}

// === impl Failure ===

impl Failure {
    /// With every secret that a notifier takes.
    pub(super) fn notifiers(&self) -> (Notifiers, Shown) {
        let (http, smtp) = (&self.http, self.smtp);
        let slack = Slack::new(&format!("{http}/services/{PLANTED}/x?token={PLANTED}"));
        let pagerduty = PagerDuty::new(PLANTED).unwrap();
        let pagerduty = pagerduty.url(&format!("{http}/{PLANTED}")).unwrap();
        let whatsapp = WhatsApp::new(PLANTED, "1234567", "vitals_alert").unwrap();
        let whatsapp = whatsapp.to(NUMBER).unwrap();
        let whatsapp = whatsapp.url(&format!("{http}/{PLANTED}")).unwrap();
        let email = format!("smtp://{PLANTED}:{PLANTED}@{smtp}");
        let email = Email::new(&email, "shop@example.com", [PERSON]).unwrap();
        let webhook = Webhook::new(&format!("{http}/{PLANTED}?key={PLANTED}")).unwrap();
        let webhook = webhook.secret(PLANTED).unwrap();
        let alertmanager = Alertmanager::new(&format!("{http}/{PLANTED}"));
        let (slack, alertmanager) = (slack.unwrap(), alertmanager.unwrap());
        let sentry = SentryEvents::new();
        let mut shown = Shown::default();
        shown.debug("Slack", &slack);
        shown.debug("PagerDuty", &pagerduty);
        shown.debug("WhatsApp", &whatsapp);
        shown.debug("Email", &email);
        shown.debug("Webhook", &webhook);
        shown.debug("Alertmanager", &alertmanager);
        let all = Notifiers::new()
            .notifier(slack)
            .notifier(pagerduty)
            .notifier(whatsapp)
            .notifier(email)
            .notifier(webhook)
            .notifier(alertmanager)
            .notifier(sentry);
        let all = all.routes(Routes::new().severity(AlertSeverity::Critical, NAMES));
        (all, shown)
    }
}

/// What the settings say that nobody can use.
pub(super) fn refused_settings(shown: &mut Shown) {
    for address in [
        format!("https://{PLANTED}:{PLANTED}@example.com/x"),
        format!("ftp://example.com/{PLANTED}"),
        format!("http://{PLANTED}.example.com/{PLANTED}"),
        format!("{PLANTED} {PLANTED}"),
    ] {
        shown.refused("Slack", Slack::new(&address));
        shown.refused("Webhook", Webhook::new(&address));
        shown.refused("Alertmanager", Alertmanager::new(&address));
        let pagerduty = PagerDuty::new(PLANTED).unwrap().url(&address);
        shown.refused("PagerDuty", pagerduty);
        let whatsapp = WhatsApp::new(PLANTED, "1234567", "vitals_alert").unwrap();
        shown.refused("WhatsApp", whatsapp.url(&address));
        let email = Email::new(&address, "shop@example.com", [PERSON]);
        shown.refused("Email", email);
    }
    let key = PagerDuty::new(&format!("{PLANTED}\n"));
    shown.refused("PagerDuty", key);
    let token = WhatsApp::new(&format!("{PLANTED}\n"), "1234567", "vitals_alert");
    shown.refused("WhatsApp", token);
    let whatsapp = WhatsApp::new(PLANTED, "1234567", "vitals_alert").unwrap();
    shown.refused("WhatsApp", whatsapp.to(&format!("{NUMBER}x")));
    let server = format!("smtp://{PLANTED}:{PLANTED}@127.0.0.1");
    let email = Email::new(&server, "shop@example.com", [PERSON, "nobody"]);
    shown.refused("Email", email);
    let email = Email::new(&server, &format!("{PERSON}>"), [PERSON]);
    shown.refused("Email", email);
    let port = format!("{server}:0");
    let email = Email::new(&port, "shop@example.com", [PERSON]);
    shown.refused("Email", email);
}

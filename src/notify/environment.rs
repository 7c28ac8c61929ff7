//! Makes the notifiers that environment variables ask for.

use std::sync::Arc;

#[cfg(feature = "email")]
use super::email::Email;
#[cfg(feature = "sentry")]
use super::sentry_events::SentryEvents;
use super::{
    alertmanager::Alertmanager, notifier::Notifier, pagerduty::PagerDuty, slack::Slack,
    webhook::Webhook, whatsapp::WhatsApp,
};
use crate::config::{ConfigError, Environment};

/// All notifiers whose variables are set.
pub(super) fn notifiers(
    environment: &Environment<'_>,
) -> Result<Vec<Arc<dyn Notifier>>, ConfigError> {
    let mut all: Vec<Arc<dyn Notifier>> = Vec::new();
    let mut add = |notifier: Option<Arc<dyn Notifier>>| all.extend(notifier);
    add(shared(Slack::from_environment(environment)?));
    add(shared(PagerDuty::from_environment(environment)?));
    add(shared(WhatsApp::from_environment(environment)?));
    #[cfg(feature = "email")]
    add(shared(Email::from_environment(environment)?));
    add(shared(Webhook::from_environment(environment)?));
    add(shared(Alertmanager::from_environment(environment)?));
    #[cfg(feature = "sentry")]
    add(shared(SentryEvents::from_environment(environment)));
    #[cfg(not(feature = "email"))]
    if environment.get("EMAIL_TO").is_some() {
        return Err(ConfigError::new(
            "EMAIL_TO",
            "…",
            "it needs the feature email",
        ));
    }
    Ok(all)
}

fn shared<N: Notifier + 'static>(notifier: Option<N>) -> Option<Arc<dyn Notifier>> {
    notifier.map(|notifier| Arc::new(notifier) as Arc<dyn Notifier>)
}

#[cfg(test)]
mod tests;

//! Tells people by WhatsApp.

mod message;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::Arc,
    time::Duration,
};

use http::{HeaderValue, header};
use serde_json::Value;
use tokio::time::Instant;

use self::message::{API_VERSION, Recipient, Template};
use super::{
    address::Address,
    arrived::{Arrived, Reached},
    http::{Answer, Client, JSON, Post},
    notification::Notification,
    notifier::{Notifier, NotifyError},
    retry::deadline,
};
use crate::{
    config::{ConfigError, Environment},
    report::delivery_queue::contained,
};

const TOKEN: &str = "WHATSAPP_TOKEN";
const PHONE: &str = "WHATSAPP_PHONE_NUMBER_ID";
const TO: &str = "WHATSAPP_TO";
const TEMPLATE: &str = "WHATSAPP_TEMPLATE";
const LANGUAGE: &str = "WHATSAPP_TEMPLATE_LANG";
const VERSION: &str = "WHATSAPP_API_VERSION";
const URL: &str = "WHATSAPP_URL";

const BASE: &str = "https://graph.facebook.com";

/// Codes of errors that pass: too many calls, messages or messages to one number, and a service that is not there.
const PASSING: [i64; 5] = [4, 80_007, 130_429, 131_016, 131_056];

/// The most recipients of one message.
const MOST: usize = 100;

/// The least time for one recipient: who is given less may have the message, and would have it twice.
const LEAST: Duration = Duration::from_secs(2);

/// Says who gets a notification.
type Chooses = dyn Fn(&Notification) -> Vec<String> + Send + Sync;

/// Tells people by the WhatsApp Cloud API. Its name in routes is `whatsapp`.
///
/// WhatsApp takes free text only from whoever answered in the last 24 hours, so a message is a template that Meta has approved. Create
/// one of the category *Utility* with this body:
///
/// ```text
/// 🔔 *{{1}} ALERT*: {{2}}
///
/// {{3}}
/// ```
///
/// Its parameters are how urgent it is, what it is about, and what happened: 900 characters in all. A message begins every 6 s at most,
/// as WhatsApp has it for one recipient. What comes meanwhile is joined. A recipient who has a message does not get it again when another
/// one has to be tried again.
///
/// An answer 200 means that Meta has accepted the message, and not that it was delivered.
///
/// ```
/// use tower_vitals::notify::{Notifiers, WhatsApp};
///
/// let whatsapp = WhatsApp::new("token", "106540352242922", "service_alert")?
///     .to("+49 171 1234567")?;
/// let notifiers = Notifiers::new().notifier(whatsapp);
/// # Ok::<(), tower_vitals::config::ConfigError>(())
/// ```
pub struct WhatsApp {
    client: Client,
    token: HeaderValue,
    phone_number_id: String,
    api_version: String,
    base: Address,
    /// Where messages are posted to.
    messages: Address,
    template: Template,
    to: BTreeSet<Recipient>,
    to_each: Option<Arc<Chooses>>,
    arrived: Arrived<Recipient>,
}

// === impl WhatsApp ===

impl WhatsApp {
    /// Tells nobody yet: see [`to`](Self::to) and [`to_each`](Self::to_each).
    ///
    /// `token` is an access token with the permission `whatsapp_business_messaging`, `phone_number_id` the id of the number that sends, and
    /// `template` the name of the template.
    ///
    /// # Errors
    ///
    /// If the token is empty or cannot be in a header, the id has other characters than digits, or the name others than lowercase
    /// letters, digits and `_`. The error does not show the token.
    pub fn new(token: &str, phone_number_id: &str, template: &str) -> Result<Self, ConfigError> {
        let bearer = HeaderValue::from_str(&format!("Bearer {token}"));
        let refused = || {
            let reason = "expected a token that a header can carry";
            ConfigError::new("whatsapp.token", "…", reason)
        };
        let mut bearer = bearer.map_err(|_| refused())?;
        if token.trim().is_empty() {
            return Err(refused());
        }
        bearer.set_sensitive(true);
        let base = Address::parse("whatsapp.url", BASE)?;
        let template = Template::new(template, "en_US");
        Ok(Self {
            client: Client::new(),
            token: bearer,
            messages: messages(&base, API_VERSION, phone_number_id)?,
            phone_number_id: phone_number_id.to_owned(),
            api_version: API_VERSION.to_owned(),
            base,
            template: template.map_err(|error| error.within("whatsapp.template"))?,
            to: BTreeSet::new(),
            to_each: None,
            arrived: Arrived::new(),
        })
    }

    /// The language of the template, such as `en` or `de_AT`. Defaults to `en_US`.
    ///
    /// # Errors
    ///
    /// If it is not as `en` or `en_US`.
    pub fn language(self, language: &str) -> Result<Self, ConfigError> {
        let template = self.template.in_language(language);
        let template = template.map_err(|error| error.within("whatsapp.language"))?;
        Ok(Self { template, ..self })
    }

    /// The version of the API. Defaults to `v25.0`. Meta takes each version for about two years.
    ///
    /// # Errors
    ///
    /// If it is not as `v25.0`.
    pub fn api_version(self, version: &str) -> Result<Self, ConfigError> {
        Ok(Self {
            messages: messages(&self.base, version, &self.phone_number_id)?,
            api_version: version.to_owned(),
            ..self
        })
    }

    /// Another address than `https://graph.facebook.com`.
    ///
    /// # Errors
    ///
    /// If the address is not `https://`, or `http://` to this machine, or has a query.
    pub fn url(self, base: &str) -> Result<Self, ConfigError> {
        let base = Address::parse("whatsapp.url", base)?;
        Ok(Self {
            messages: messages(&base, &self.api_version, &self.phone_number_id)?,
            base,
            ..self
        })
    }

    /// Another recipient of all messages: a telephone number with the code of its country, such as `+49 171 1234567`. There can be 100.
    ///
    /// # Errors
    ///
    /// If it is no such number, or the 101st. The error does not show it.
    pub fn to(mut self, number: &str) -> Result<Self, ConfigError> {
        let recipient = Recipient::new(number).map_err(|error| error.within("whatsapp.to"))?;
        self.to.insert(recipient);
        if self.to.len() > MOST {
            let reason = "expected at most 100 recipients";
            return Err(ConfigError::new("whatsapp.to", "…", reason));
        }
        Ok(self)
    }

    /// Says who else gets a notification, such as the owner of the tenant that it is about. It is asked for each notification, on the
    /// thread of the notifier. What is no telephone number, and what is more than 100, is left out. If it panics, it says nobody.
    #[must_use]
    pub fn to_each(
        mut self,
        recipients: impl Fn(&Notification) -> Vec<String> + Send + Sync + 'static,
    ) -> Self {
        self.to_each = Some(Arc::new(recipients));
        self
    }

    /// Asks this HTTP proxy for each connection: `http://user:password@proxy.example.com:3128`. Defaults to none, also where
    /// `HTTPS_PROXY` is set, and with [`from_env`](Self::from_env) to `MONITORING_PROXY`.
    ///
    /// # Errors
    ///
    /// If it is no such address. The error does not show it.
    pub fn proxy(self, proxy: &str) -> Result<Self, ConfigError> {
        let client = Client::through("whatsapp.proxy", proxy)?;
        Ok(Self { client, ..self })
    }

    /// Tells those in `WHATSAPP_TO`, with commas between their numbers, by `WHATSAPP_TOKEN` or the file `WHATSAPP_TOKEN_FILE`,
    /// `WHATSAPP_PHONE_NUMBER_ID` and `WHATSAPP_TEMPLATE`. `WHATSAPP_TEMPLATE_LANG`, `WHATSAPP_API_VERSION` and `WHATSAPP_URL` have defaults. `None`
    /// if `WHATSAPP_TO` is not set.
    ///
    /// # Errors
    ///
    /// If a value is missing or not valid. The error names the variable.
    pub fn from_env() -> Result<Option<Self>, ConfigError> {
        Self::from_environment(&Environment::process())
    }

    pub(super) fn from_environment(
        environment: &Environment<'_>,
    ) -> Result<Option<Self>, ConfigError> {
        // The others can be there for messages of the application.
        let Some(to) = environment.get(TO) else {
            return Ok(None);
        };
        let token = environment.needed_secret(TOKEN, TO)?;
        let phone = environment.needed(PHONE, TO)?;
        let template = environment.needed(TEMPLATE, TO)?;
        let named = |error: ConfigError| {
            let name = match error.field() {
                "whatsapp.token" => TOKEN,
                "whatsapp.phone_number_id" => PHONE,
                "whatsapp.template" => TEMPLATE,
                "whatsapp.language" => LANGUAGE,
                "whatsapp.api_version" => VERSION,
                "whatsapp.to" => TO,
                _ => URL,
            };
            error.within(name)
        };
        let made = || {
            let mut made = Self::new(&token, &phone, &template)?;
            if let Some(language) = environment.get(LANGUAGE) {
                made = made.language(&language)?;
            }
            if let Some(version) = environment.get(VERSION) {
                made = made.api_version(&version)?;
            }
            if let Some(url) = environment.get(URL) {
                made = made.url(&url)?;
            }
            to.split(',').try_fold(made, |made, number| made.to(number))
        };
        let client = Client::from_environment(environment)?;
        let made = made().map_err(named)?;
        Ok(Some(Self { client, ..made }))
    }

    /// What each recipient gets.
    fn parted(&self, all: &[Notification]) -> BTreeMap<Recipient, Vec<Notification>> {
        let mut parted: BTreeMap<Recipient, Vec<Notification>> = BTreeMap::new();
        for one in all {
            let mut to = self.to.clone();
            let more = self.to_each.as_ref();
            let more = more.and_then(|choose| contained(|| choose(one)));
            let more = more.into_iter().flatten();
            to.extend(more.filter_map(|number| Recipient::new(&number).ok()));
            for recipient in to.into_iter().take(MOST) {
                if parted.len() < MOST || parted.contains_key(&recipient) {
                    parted.entry(recipient).or_default().push(one.clone());
                }
            }
        }
        parted
    }

    fn post(
        &self,
        recipient: &Recipient,
        all: &[Notification],
        timeout: Duration,
    ) -> Result<(), NotifyError> {
        let body = message::message(all, recipient, &self.template).to_string();
        let post = Post {
            address: &self.messages,
            headers: &[JSON, (header::AUTHORIZATION, self.token.clone())],
            body: body.as_bytes(),
        };
        let answer = self.client.ask(post, timeout)?;
        let (code, after) = (code(&answer), answer.after);
        answer.judged(post).map(drop).map_err(|error| {
            let text = match code {
                Some(code) => format!("{error}, code {code}"),
                None => error.to_string(),
            };
            let passes = code.is_some_and(|code| PASSING.contains(&code));
            match error {
                NotifyError::Refused { .. } if !passes => NotifyError::Refused { text },
                _ => NotifyError::Later { text, after },
            }
        })
    }
}

impl Notifier for WhatsApp {
    fn name(&self) -> &str {
        "whatsapp"
    }

    fn notify(&self, all: &[Notification], timeout: Duration) -> Result<(), NotifyError> {
        let Reached {
            mut done,
            mut refused,
        } = self.arrived.take(all);
        let mut parted = self.parted(all);
        if parted.is_empty() {
            let text = "there is no recipient".to_owned();
            return Err(NotifyError::Refused { text });
        }
        parted.retain(|recipient, _| !done.contains(recipient));
        let deadline = deadline(timeout);
        let mut others = parted.len() as u32;
        let least = LEAST.min(timeout / 2);
        let mut later = None;
        for (recipient, all) in parted {
            // One that hangs leaves time for the others.
            let left = deadline.saturating_duration_since(Instant::now());
            let time = (left / others).max(least);
            others -= 1;
            if left < least {
                let text = "there was no time for all recipients".to_owned();
                later.get_or_insert(NotifyError::Later { text, after: None });
                break;
            }
            match self.post(&recipient, &all, time) {
                Ok(()) => _ = done.insert(recipient),
                Err(error @ NotifyError::Later { .. }) => later = Some(error),
                Err(error) => {
                    done.insert(recipient);
                    refused = Some(error);
                }
            }
        }
        // Whoever can be told later is worth another attempt.
        if let Some(later) = later {
            self.arrived.keep(all, Reached { done, refused });
            return Err(later);
        }
        refused.map_or(Ok(()), Err)
    }

    fn every(&self) -> Duration {
        Duration::from_secs(6)
    }
}

impl fmt::Debug for WhatsApp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("WhatsApp");
        shown.field("api_version", &self.api_version);
        shown.field("template", &self.template);
        shown.field("to", &self.to.len());
        shown.finish_non_exhaustive()
    }
}

fn messages(base: &Address, version: &str, phone: &str) -> Result<Address, ConfigError> {
    let path = message::path(version, phone).map_err(|error| {
        let field = format!("whatsapp.{}", error.field());
        error.within(&field)
    })?;
    base.below("whatsapp.url", &path)
}

/// The code of an error.
fn code(answer: &Answer) -> Option<i64> {
    let answer: Value = serde_json::from_slice(&answer.body).ok()?;
    let code = answer.get("error")?.get("code")?.as_i64()?;
    (0..1_000_000).contains(&code).then_some(code)
}

#[cfg(test)]
mod tests;

//! Tells people by e-mail.

mod mail;
mod server;

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
        mpsc,
    },
    thread,
    time::Duration,
};

use lettre::{
    Address,
    message::{Mailbox, Mailboxes, Message, MultiPart, header},
};
use tracing::{Dispatch, dispatcher};

use self::server::{Failures, Server};
use super::{
    arrived::Arrived,
    notification::Notification,
    notifier::{Notifier, NotifyError},
    retry::deadline,
};
use crate::{
    config::{ConfigError, Environment},
    report::delivery_queue::contained,
};

const URL: &str = "SMTP_URL";
const FROM: &str = "EMAIL_FROM";
const TO: &str = "EMAIL_TO";

/// The most recipients.
const MOST: usize = 100;

/// Tells people by e-mail. Its name in routes is `email`.
///
/// A mail has a text and the same as HTML. The mails of one alert are a thread: its first mail has an id to which the others refer.
/// Several notifications in one second are one mail.
///
/// Each mail has a connection of its own. `smtps://user:password@host:465` is encrypted from the beginning, and `smtp://user:password@host:587`
/// by STARTTLS, which the server must have. Only a server on this machine may do without. Special characters of user and password
/// are escaped as in any URL: `%40` for `@`.
///
/// ```
/// use tower_vitals::notify::{Email, Notifiers};
///
/// let email = Email::new(
///     "smtps://shop:password@smtp.example.com:465",
///     "Shop <shop@example.com>",
///     ["ops@example.com"],
/// )?;
/// let notifiers = Notifiers::new().notifier(email);
/// # Ok::<(), tower_vitals::config::ConfigError>(())
/// ```
#[cfg_attr(tower_vitals_docsrs, doc(cfg(feature = "email")))]
pub struct Email {
    server: Arc<Server>,
    from: Mailbox,
    to: Vec<Mailbox>,
    /// An attempt is under way, also one that nobody waits for any more.
    is_sending: Arc<AtomicBool>,
    arrived: Arrived<String>,
}

// === impl Email ===

impl Email {
    /// Sends mails by this server, from this address to these. Each is as `ops@example.com` or `Ops <ops@example.com>`.
    ///
    /// # Errors
    ///
    /// If the server's address is none that is described above, if an address is no e-mail address of ASCII characters, and if there
    /// is no recipient or more than 100. The error shows neither the server's address nor those of the mail.
    pub fn new<T: AsRef<str>>(
        server: &str,
        from: &str,
        to: impl IntoIterator<Item = T>,
    ) -> Result<Self, ConfigError> {
        let to: Vec<_> = to.into_iter().map(|one| one.as_ref().to_owned()).collect();
        Self::with(server, from, &to.join(","), |field| {
            format!("email.{field}")
        })
    }

    /// Sends mails by the server of `SMTP_URL`, or of the file `SMTP_URL_FILE`, from `EMAIL_FROM` to `EMAIL_TO`, which has commas between
    /// addresses. `None` if `EMAIL_TO` is not set.
    ///
    /// # Errors
    ///
    /// As for [`new`](Self::new), if a variable is missing, and if the file cannot be read.
    pub fn from_env() -> Result<Option<Self>, ConfigError> {
        Self::from_environment(&Environment::process())
    }

    pub(super) fn from_environment(
        environment: &Environment<'_>,
    ) -> Result<Option<Self>, ConfigError> {
        // A server can be there for mails of the application.
        let Some(to) = environment.get(TO) else {
            return Ok(None);
        };
        let server = environment.needed_secret(URL, TO)?;
        let from = environment.needed(FROM, TO)?;
        let variable = |field: &str| match field {
            "server" => URL.to_owned(),
            "from" => FROM.to_owned(),
            _ => TO.to_owned(),
        };
        Self::with(&server, &from, &to, variable).map(Some)
    }

    fn with(
        server: &str,
        from: &str,
        to: &str,
        name: impl Fn(&str) -> String,
    ) -> Result<Self, ConfigError> {
        let refuse = |field, reason: &str| Err(ConfigError::new(name(field), "…", reason));
        let server = match Server::parse(server) {
            Ok(server) => Arc::new(server),
            Err(reason) => return refuse("server", reason),
        };
        let is_plain = |one: &Mailbox| {
            let Mailbox { email, .. } = one;
            email.user().is_ascii() && email.domain().is_ascii()
        };
        let Some(from) = from.parse().ok().filter(is_plain) else {
            return refuse(
                "from",
                "expected an e-mail address such as shop@example.com",
            );
        };
        let to = to.parse::<Mailboxes>().ok();
        let to: Vec<_> = to.into_iter().flatten().collect();
        if !(1..=MOST).contains(&to.len()) || !to.iter().all(is_plain) {
            return refuse(
                "to",
                "expected 1 to 100 e-mail addresses such as ops@example.com",
            );
        }
        Ok(Self {
            server,
            from,
            to,
            is_sending: Arc::default(),
            arrived: Arrived::new(),
        })
    }

    /// The bytes of the mail about these.
    fn mail(&self, all: &[Notification]) -> Result<Vec<u8>, lettre::error::Error> {
        let mail = mail::email(all, self.from.email.domain());
        let mut message = Message::builder()
            .from(self.from.clone())
            .subject(mail.subject)
            .message_id(Some(mail.message_id))
            .date_now();
        for to in &self.to {
            message = message.to(to.clone());
        }
        if let Some(before) = mail.in_reply_to {
            message = message.in_reply_to(before);
        }
        if !mail.references.is_empty() {
            message = message.references(mail.references.join(" "));
        }
        // So that nobody's absence note answers.
        let automatic = header::HeaderName::new_from_ascii_str("Auto-Submitted");
        let automatic = header::HeaderValue::new(automatic, "auto-generated".to_owned());
        let message = message.raw_header(automatic);
        let parts = MultiPart::alternative_plain_html(mail.text, mail.html);
        Ok(message.multipart(parts)?.formatted())
    }
}

impl Email {
    /// Sends the mail to these, on a thread of its own: the client bounds each step, and a server can take many. So nobody waits for
    /// the thread longer than for an attempt.
    fn send(
        &self,
        mail: Vec<u8>,
        to: Vec<Address>,
        timeout: Duration,
    ) -> Result<Failures, NotifyError> {
        let deadline = deadline(timeout);
        let (server, is_sending) = (Arc::clone(&self.server), Arc::clone(&self.is_sending));
        let from = self.from.email.clone();
        let (end, ended) = mpsc::channel();
        let send = move || {
            // With its feature `tracing`, the client logs passwords.
            let sent = dispatcher::with_default(&Dispatch::none(), || {
                let tell = |ended| {
                    is_sending.store(false, SeqCst);
                    // Nobody may be waiting any more.
                    let _ = end.send(ended);
                };
                contained(|| server.send(&from, &to, &mail, deadline, tell))
            });
            if sent.is_none() {
                is_sending.store(false, SeqCst);
            }
        };
        let thread = thread::Builder::new().name("vitals-mail".to_owned());
        if thread.spawn(send).is_err() {
            self.is_sending.store(false, SeqCst);
            return later("no thread can start");
        }
        match ended.recv_timeout(timeout) {
            Ok(ended) => ended,
            Err(mpsc::RecvTimeoutError::Timeout) => later(format!("no answer within {timeout:?}")),
            Err(mpsc::RecvTimeoutError::Disconnected) => later("it panicked"),
        }
    }
}

impl Notifier for Email {
    fn name(&self) -> &str {
        "email"
    }

    fn notify(&self, all: &[Notification], timeout: Duration) -> Result<(), NotifyError> {
        let Ok(mail) = self.mail(all) else {
            let text = "the mail cannot be written".to_owned();
            return Err(NotifyError::Refused { text });
        };
        if self.is_sending.swap(true, SeqCst) {
            return later("the last attempt hangs");
        }
        let mut reached = self.arrived.take(all);
        let to = self.to.iter().map(|one| one.email.clone());
        let to = to.filter(|one| !reached.done.contains(&one.to_string()));
        let to: Vec<_> = to.collect();
        let failures = match self.send(mail, to.clone(), timeout) {
            Ok(failures) => failures,
            Err(error) => {
                self.arrived.keep(all, reached);
                return Err(error);
            }
        };
        let mut put_off = None;
        for one in to {
            let failed = failures.iter().find(|(address, _)| *address == one);
            match failed.map(|(_, error)| error.clone()) {
                Some(error @ NotifyError::Later { .. }) => {
                    put_off = Some(error);
                    continue;
                }
                Some(error) => reached.refused = Some(error),
                None => {}
            }
            reached.done.insert(one.to_string());
        }
        // Who has it does not get it again.
        if let Some(error) = put_off {
            self.arrived.keep(all, reached);
            return Err(error);
        }
        reached.refused.map_or(Ok(()), Err)
    }
}

fn later<T>(text: impl Into<String>) -> Result<T, NotifyError> {
    let text = text.into();
    Err(NotifyError::Later { text, after: None })
}

impl fmt::Debug for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Email");
        shown.field("to", &self.to.len());
        shown.finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;

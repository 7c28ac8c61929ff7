//! Sends a mail to a server, and says nothing of where.

use std::time::Duration;

use lettre::{
    Address,
    transport::smtp::{
        Error,
        authentication::{Credentials, Mechanism},
        client::{SmtpConnection, TlsParameters},
        commands::{Data, Mail, Rcpt},
        extension::ClientId,
    },
};
use percent_encoding::percent_decode_str;
use tokio::time::Instant;

use super::super::{address, notifier::NotifyError};

/// How long the server gets to say goodbye.
const GOODBYE: Duration = Duration::from_secs(1);

const EXPECTED: &str = "expected an address such as smtps://user:password@smtp.example.com:465";

/// A server that takes mails. It never prints.
pub(super) struct Server {
    host: String,
    port: u16,
    encryption: Encryption,
    credentials: Option<Credentials>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Encryption {
    /// From the beginning.
    Whole,
    /// From a command on.
    StartTls,
    /// Within this machine.
    None,
}

// === impl Server ===

impl Server {
    /// Reads an address such as `smtps://user:password@smtp.example.com:465`.
    ///
    /// # Errors
    ///
    /// If mails may not be sent there, with the reason.
    pub(super) fn parse(url: &str) -> Result<Self, &'static str> {
        let (scheme, rest) = url.split_once("://").ok_or(EXPECTED)?;
        let (rest, is_required) = match rest.split_once('?') {
            None => (rest, false),
            Some((rest, "tls=required")) => (rest, true),
            Some(_) => return Err("the only setting of an address is tls=required"),
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let (user, authority) = match rest.rsplit_once('@') {
            Some((user, authority)) => (Some(user), authority),
            None => (None, rest),
        };
        if authority.contains('/') {
            return Err(EXPECTED);
        }
        // The same hosts as for other messages.
        let checked = |scheme| address::Address::parse("", &format!("{scheme}://{authority}"));
        let uri = checked("https").map_err(|_| "no mail may be sent to this host")?;
        let is_local = checked("http").is_ok();
        let encryption = match scheme.to_ascii_lowercase().as_str() {
            "smtps" => Encryption::Whole,
            "smtp" if is_local && !is_required => Encryption::None,
            "smtp" => Encryption::StartTls,
            _ => return Err("an address begins with smtps:// or smtp://"),
        };
        let usual = match encryption {
            Encryption::Whole => 465,
            Encryption::StartTls => 587,
            Encryption::None => 25,
        };
        let host = uri.uri().host().ok_or(EXPECTED)?;
        Ok(Self {
            host: host.trim_matches(['[', ']']).to_owned(),
            port: uri.uri().port_u16().unwrap_or(usual),
            encryption,
            credentials: user.map(credentials).transpose()?,
        })
    }

    /// Sends a mail, and tells who did not get it and why, before it says goodbye. Each step ends at `deadline`.
    pub(super) fn send(
        &self,
        from: &Address,
        to: &[Address],
        mail: &[u8],
        deadline: Instant,
        tell: impl FnOnce(Result<Failures, NotifyError>),
    ) {
        let mut connection = match self.open(from, deadline) {
            Ok(connection) => connection,
            Err(error) => return tell(Err(told(&error))),
        };
        tell(deliver(&mut connection, from, to, mail, deadline));
        if connection.set_timeout(Some(GOODBYE)).is_ok() {
            let _ = connection.quit();
        }
    }

    fn open(&self, from: &Address, deadline: Instant) -> Result<SmtpConnection, Error> {
        let hello = ClientId::Domain(from.domain().to_owned());
        let tls = || TlsParameters::new_rustls(self.host.clone());
        let whole = (self.encryption == Encryption::Whole)
            .then(tls)
            .transpose()?;
        let address = (self.host.as_str(), self.port);
        let time = Some(left(deadline));
        let mut connection = SmtpConnection::connect(address, time, &hello, whole.as_ref(), None)?;
        if self.encryption == Encryption::StartTls {
            set_timeout(&mut connection, deadline);
            connection.starttls(&tls()?, &hello)?;
        }
        if let Some(credentials) = &self.credentials {
            set_timeout(&mut connection, deadline);
            connection.auth(&[Mechanism::Plain, Mechanism::Login], credentials)?;
        }
        Ok(connection)
    }
}

fn credentials(text: &str) -> Result<Credentials, &'static str> {
    let (user, password) = text.split_once(':').ok_or("a user has a password")?;
    let decoded = |text| {
        let text = percent_decode_str(text).decode_utf8();
        text.map(String::from).map_err(|_| EXPECTED)
    };
    Ok(Credentials::new(decoded(user)?, decoded(password)?))
}

/// Those who did not get a mail, and why.
pub(super) type Failures = Vec<(Address, NotifyError)>;

/// A server that refuses a recipient keeps the others from nothing.
fn deliver(
    connection: &mut SmtpConnection,
    from: &Address,
    to: &[Address],
    mail: &[u8],
    deadline: Instant,
) -> Result<Failures, NotifyError> {
    let mut failures = Vec::new();
    let mut step = |command: String| {
        set_timeout(connection, deadline);
        connection.command(command)
    };
    step(Mail::new(Some(from.clone()), vec![]).to_string()).map_err(|error| told(&error))?;
    for one in to {
        match step(Rcpt::new(one.clone(), vec![]).to_string()) {
            Ok(_) => {}
            Err(error) if error.status().is_some() => {
                failures.push((one.clone(), told(&error)));
            }
            Err(error) => return Err(told(&error)),
        }
    }
    if failures.len() == to.len() {
        return Ok(failures);
    }
    step(Data.to_string()).map_err(|error| told(&error))?;
    set_timeout(connection, deadline);
    connection.message(mail).map_err(|error| told(&error))?;
    Ok(failures)
}

fn left(deadline: Instant) -> Duration {
    let left = deadline.saturating_duration_since(Instant::now());
    // Zero would be no limit.
    left.max(Duration::from_millis(1))
}

fn set_timeout(connection: &mut SmtpConnection, deadline: Instant) {
    // If it fails, the limit of the step before is still there.
    let _ = connection.set_timeout(Some(left(deadline)));
}

/// What happened, without what the server said: that can repeat an address.
fn told(error: &Error) -> NotifyError {
    let text = match error.status() {
        Some(code) => format!("answered {code}"),
        None if error.is_tls() => "no secure connection".to_owned(),
        None if error.is_client() => {
            let text = "it has no STARTTLS, or no known way to log in".to_owned();
            return NotifyError::Refused { text };
        }
        None if error.is_response() => "it speaks no SMTP".to_owned(),
        None => "no connection, or no answer in time".to_owned(),
    };
    match error.is_permanent() {
        true => NotifyError::Refused { text },
        false => NotifyError::Later { text, after: None },
    }
}

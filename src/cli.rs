//! Asks a running service how it is, for a person, a script or a container's `HEALTHCHECK`; and records deployments.
//!
//! The command `vitals` is [`main`]; an application that has a command line of its own takes [`Check`] into it as a subcommand:
//!
//! ```no_run
//! use clap::Parser;
//! use tower_vitals::cli::Check;
//!
//! #[derive(Parser)]
//! enum Command {
//!     Serve,
//!     Check(Check),
//! }
//!
//! # fn main() -> std::process::ExitCode {
//! match Command::parse() {
//!     Command::Serve => std::process::ExitCode::SUCCESS,
//!     Command::Check(check) => check.run(),
//! }
//! # }
//! ```

use std::{
    env,
    io::{self, IsTerminal, Read, Write},
    net::{TcpStream, ToSocketAddrs},
    process::ExitCode,
    time::Duration,
};

use clap::{Args, Parser, ValueEnum};
use serde_json::Value;
use tokio::time::Instant;

#[cfg(feature = "sentry")]
use crate::{deployment::Deployment, release::Release, sentry::SentryOptions};

/// More than any report has.
const LONGEST: u64 = 1 << 20;

/// Asks a service how it is.
#[derive(Debug, Parser)]
#[command(name = "vitals", version, about)]
enum Command {
    /// Reads a service's health: exits with 0 if it is healthy or degraded, 1 if not, 2 if nobody answers or the question is
    /// wrong.
    Check(Check),
    /// Records a deployment in Sentry: exits with 0 if it was taken, 2 if not.
    #[cfg(feature = "sentry")]
    Deploy(Deploy),
}

/// The subcommand `check`.
#[derive(Args, Clone, Debug)]
pub struct Check {
    /// Where the health is [default: http://HOST:PORT/health, and 127.0.0.1 and 8000 for those]
    #[arg(long, env = "HEALTH_URL")]
    url: Option<String>,
    /// Looks at this check alone; may be said again
    #[arg(long, value_name = "NAME")]
    check: Vec<String>,
    /// Leaves this check out; may be said again
    #[arg(long, value_name = "NAME")]
    exclude: Vec<String>,
    /// How long to wait: `10`, `10s` or `500ms`
    #[arg(long, env = "TIMEOUT", default_value = "10s", value_parser = duration)]
    timeout: Duration,
    /// Shows each check, and where it was asked
    #[arg(long)]
    verbose: bool,
    /// Exits with 1 also where the service is degraded
    #[arg(long)]
    strict: bool,
    /// How to say it
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

/// The subcommand `deploy`: where to, `SENTRY_DSN` says.
#[cfg(feature = "sentry")]
#[cfg_attr(tower_vitals_docsrs, doc(cfg(feature = "sentry")))]
#[derive(Args, Clone, Debug)]
pub struct Deploy {
    /// What runs now [default: SENTRY_RELEASE, APP_VERSION or VERSION]
    #[arg(long)]
    version: Option<String>,
    /// Where it runs [default: SENTRY_ENVIRONMENT or ENVIRONMENT, and production]
    #[arg(long)]
    environment: Option<String>,
    /// Who did it
    #[arg(long, env = "DEPLOYED_BY", default_value = "automated")]
    by: String,
    /// What is new in it
    #[arg(long, default_value = "")]
    changes: String,
    /// How long to wait: `10`, `10s` or `500ms`
    #[arg(long, env = "TIMEOUT", default_value = "10s", value_parser = duration)]
    timeout: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    Text,
    Json,
}

/// What the service said.
struct Report {
    status: String,
    /// Name and word.
    checks: Vec<(String, String)>,
    body: Value,
}

/// The command `vitals`, from its arguments to its exit code.
#[must_use]
pub fn main() -> ExitCode {
    match Command::parse() {
        Command::Check(check) => check.run(),
        #[cfg(feature = "sentry")]
        Command::Deploy(deploy) => deploy.run(),
    }
}

// === impl Deploy ===

#[cfg(feature = "sentry")]
impl Deploy {
    /// Sends the event, says whether it was taken, and gives the exit code.
    #[must_use]
    pub fn run(&self) -> ExitCode {
        // What cannot be said to anybody changes nothing.
        match self.send() {
            Ok(what) => {
                let _ = writeln!(io::stdout(), "✓ {what}");
                ExitCode::SUCCESS
            }
            Err(error) => {
                let _ = writeln!(io::stderr(), "✗ {error}");
                ExitCode::from(2)
            }
        }
    }

    fn send(&self) -> Result<String, String> {
        let known = Release::from_env();
        let given = |said: &Option<String>| said.clone().filter(|said| !said.is_empty());
        let version = given(&self.version).or(known.version);
        let version = version.ok_or(
            "--version: none given, and neither SENTRY_RELEASE, APP_VERSION nor VERSION is set",
        )?;
        let environment = given(&self.environment).unwrap_or(known.environment);
        let by = if self.by.is_empty() {
            "automated"
        } else {
            &self.by
        };
        let deployment = Deployment::new(&version).by(by).changes(&self.changes);
        let options = SentryOptions::from_env().map_err(|error| error.to_string())?;
        let sent = options
            .send(&deployment, &environment, self.timeout)
            .map_err(|error| error.to_string())?;
        match sent {
            Some(true) => Ok(format!("{version} in {environment}")),
            Some(false) => Err("Sentry did not take it".into()),
            None => Err("SENTRY_DSN: not set, so there is nobody to tell".into()),
        }
    }
}

// === impl Check ===

impl Check {
    /// Asks, says what was answered, and gives the exit code.
    #[must_use]
    pub fn run(&self) -> ExitCode {
        let url = self.url();
        let began = Instant::now();
        match self.ask(&url) {
            Ok(report) => {
                let code = self.judge(&report);
                self.print(&report, &url, began.elapsed());
                ExitCode::from(code)
            }
            Err(error) => {
                // What cannot be said to anybody changes nothing.
                let _ = writeln!(io::stderr(), "✗ {url}: {error}");
                ExitCode::from(2)
            }
        }
    }

    /// Empty is as unset, as in a shell that exports what it does not have.
    fn url(&self) -> String {
        let variable = |name, default: &str| {
            let value = env::var(name).ok().filter(|value| !value.is_empty());
            value.unwrap_or_else(|| default.into())
        };
        let given = self.url.clone().filter(|url| !url.is_empty());
        given.unwrap_or_else(|| {
            let host = match variable("HOST", "127.0.0.1").as_str() {
                // Where a server listens on every address, it is asked on this one.
                "0.0.0.0" | "::" | "[::]" => "127.0.0.1".to_owned(),
                host => host.to_owned(),
            };
            format!("http://{host}:{}/health", variable("PORT", "8000"))
        })
    }

    fn ask(&self, url: &str) -> Result<Report, String> {
        let mut target = url.to_owned();
        for name in &self.exclude {
            let sign = if target.contains('?') { '&' } else { '?' };
            target.push(sign);
            target.push_str(&format!("exclude={name}"));
        }
        let (code, body) = get(&target, self.timeout)?;
        let body: Value = serde_json::from_str(&body)
            .map_err(|_| format!("HTTP {code}, and no JSON: is this the health's address?"))?;
        let status = body["status"].as_str().ok_or("the answer has no status")?;
        let checks = body["checks"].as_object().into_iter().flatten();
        let checks: Vec<_> = checks
            .map(|(name, value)| (name.clone(), word(value)))
            .collect();
        for name in &self.check {
            if !checks.iter().any(|(known, _)| known == name) {
                let known: Vec<_> = checks.iter().map(|(name, _)| name.as_str()).collect();
                return Err(format!(
                    "no check {name:?}; there are: {}",
                    known.join(", ")
                ));
            }
        }
        Ok(Report {
            status: status.to_owned(),
            checks,
            body,
        })
    }

    /// The checks that were asked for; all, if none was named.
    fn wanted<'r>(&self, report: &'r Report) -> impl Iterator<Item = &'r (String, String)> {
        let all = self.check.is_empty();
        report
            .checks
            .iter()
            .filter(move |(name, _)| all || self.check.contains(name))
    }

    fn judge(&self, report: &Report) -> u8 {
        let degraded = if self.strict { 1 } else { 0 };
        if self.check.is_empty() {
            return match report.status.as_str() {
                "healthy" | "ok" | "pass" => 0,
                "degraded" | "warn" => degraded,
                _ => 1,
            };
        }
        let each = self.wanted(report).map(|(_, word)| match word.as_str() {
            "degraded" => degraded,
            word if is_well(word) => 0,
            _ => 1,
        });
        each.max().unwrap_or(0)
    }

    fn print(&self, report: &Report, url: &str, took: Duration) {
        let mut text = String::new();
        if self.format == Format::Json {
            text = format!("{}\n", report.body);
        } else {
            let colour = io::stdout().is_terminal() && env::var_os("NO_COLOR").is_none();
            for (name, word) in self.wanted(report) {
                text.push_str(&mark(is_well(word), word == "degraded", colour));
                text.push_str(&format!(" {name} {word}\n"));
            }
            if self.check.is_empty() {
                let well = matches!(report.status.as_str(), "healthy" | "ok" | "pass");
                text.push_str(&mark(well, report.status == "degraded", colour));
                text.push_str(&format!(" {}\n", report.status));
            }
            if self.verbose {
                text.push_str(&format!("{url} answered in {took:.1?}\n"));
            }
        }
        // A reader that has left is no failure of the service.
        let _ = io::stdout().write_all(text.as_bytes());
    }
}

fn mark(well: bool, degraded: bool, colour: bool) -> String {
    let (mark, code) = match (well, degraded) {
        (_, true) => ("!", 33),
        (true, _) => ("✓", 32),
        (false, _) => ("✗", 31),
    };
    if colour {
        format!("\x1b[{code}m{mark}\x1b[0m")
    } else {
        mark.into()
    }
}

/// Words that any service may choose; those for what is wrong are known.
fn is_well(word: &str) -> bool {
    !matches!(
        word,
        "unavailable" | "unknown" | "unhealthy" | "fail" | "failed" | "error"
    ) && !word.starts_with("error")
}

/// A check is a word, or an object with its status; printable, for it goes to a terminal.
fn word(value: &Value) -> String {
    let text = value
        .as_str()
        .or_else(|| value["status"].as_str())
        .unwrap_or("unknown");
    let mut word = String::new();
    crate::text::push_printable(&mut word, text, 200);
    word
}

/// Status and body of a plain HTTP answer; certificates are more than a probe on the same machine needs.
fn get(url: &str, timeout: Duration) -> Result<(u16, String), String> {
    let rest = url
        .strip_prefix("http://")
        .ok_or("only http:// is asked: a health check speaks to the service itself")?;
    let (authority, path) = match rest.find(['/', '?']) {
        Some(at) if rest[at..].starts_with('/') => (&rest[..at], rest[at..].to_owned()),
        Some(at) => (&rest[..at], format!("/{}", &rest[at..])),
        None => (rest, "/".into()),
    };
    if authority.contains('@') || path.bytes().any(|byte| byte <= b' ' || byte == 0x7f) {
        return Err("not an address that can be asked".into());
    }
    let bracketed = authority.ends_with(']');
    let port = !bracketed
        && authority
            .rsplit_once(':')
            .is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    let with_port = if port {
        authority.to_owned()
    } else {
        format!("{authority}:80")
    };
    let deadline = Instant::now() + timeout;
    let left = || {
        let left = deadline.saturating_duration_since(Instant::now());
        (!left.is_zero())
            .then_some(left)
            .ok_or_else(|| format!("no answer within {timeout:?}"))
    };
    let explain = |error: io::Error| match error.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => {
            format!("no answer within {timeout:?}")
        }
        _ => error.to_string(),
    };
    let mut last = "no such host".to_owned();
    for address in with_port
        .to_socket_addrs()
        .map_err(|error| error.to_string())?
    {
        match TcpStream::connect_timeout(&address, left()?) {
            Ok(socket) => return read(socket, authority, &path, left, explain),
            Err(error) => last = explain(error),
        }
    }
    Err(last)
}

fn read(
    mut socket: TcpStream,
    authority: &str,
    path: &str,
    left: impl Fn() -> Result<Duration, String>,
    explain: impl Fn(io::Error) -> String,
) -> Result<(u16, String), String> {
    socket.set_write_timeout(Some(left()?)).map_err(&explain)?;
    // HTTP/1.0: the answer ends with the connection.
    let request = format!(
        "GET {path} HTTP/1.0\r\nhost: {authority}\r\naccept: application/json\r\nconnection: close\r\n\r\n"
    );
    socket.write_all(request.as_bytes()).map_err(&explain)?;
    let mut answer = Vec::new();
    let mut chunk = [0; 4_096];
    loop {
        // One that drips must not outlast the deadline.
        socket.set_read_timeout(Some(left()?)).map_err(&explain)?;
        match socket.read(&mut chunk).map_err(&explain)? {
            0 => break,
            read => answer.extend_from_slice(&chunk[..read]),
        }
        if answer.len() as u64 > LONGEST {
            return Err("the answer has no end".into());
        }
    }
    let answer = String::from_utf8_lossy(&answer);
    let (head, body) = answer.split_once("\r\n\r\n").ok_or("not HTTP")?;
    let code = head.split(' ').nth(1).and_then(|code| code.parse().ok());
    Ok((code.ok_or("not HTTP")?, body.to_owned()))
}

/// `10`, `10s` or `500ms`, and more than nothing.
fn duration(text: &str) -> Result<Duration, String> {
    let parse = |digits: &str| {
        digits
            .parse::<u64>()
            .map_err(|_| "expected 10, 10s or 500ms".to_owned())
    };
    let duration = if let Some(millis) = text.strip_suffix("ms") {
        Duration::from_millis(parse(millis)?)
    } else {
        Duration::from_secs(parse(text.strip_suffix('s').unwrap_or(text))?)
    };
    (!duration.is_zero())
        .then_some(duration)
        .ok_or_else(|| "must be longer than zero".into())
}

//! Does what is asked by POST.

use std::{collections::BTreeMap, time::Duration};

use bytes::Bytes;
use http::{Response, StatusCode};
use http_body_util::Full;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Value, json};

use super::{
    answer, body,
    diagnosis::tested,
    parameters::time,
    refusal::Refusal,
    routes::Change,
    shown::{ListedAlerts, ShownAlert, ShownSilence},
    sources::{NewDeployment, Sources},
};
use crate::{
    alerts::{Alert, AlertSeverity, AlertsHandle, Fingerprint, NewSilence},
    config::ConfigError,
    timestamp::{self, rfc3339},
};

/// The longest text, in characters. None of them is too long for what keeps silences and acknowledgements, which counts bytes.
const LONGEST: usize = 250;

/// The longest list of changes of a deployment, in characters.
const LONGEST_CHANGES: usize = 2_500;

/// What is asked for, with all that it needs.
#[derive(Debug)]
pub(super) enum Order {
    Evaluate,
    Silence(NewSilence),
    EndSilence(u64),
    Acknowledge(Fingerprint, String),
    Deployed(NewDeployment),
    Test,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NoBody {}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SilenceBody {
    labels: BTreeMap<String, String>,
    #[serde(default, deserialize_with = "there")]
    lasts: Option<Value>,
    #[serde(default, deserialize_with = "there")]
    ends: Option<String>,
    by: String,
    #[serde(default)]
    comment: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AcknowledgeBody {
    by: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DeployedBody {
    version: String,
    #[serde(default, deserialize_with = "there")]
    by: Option<String>,
    #[serde(default)]
    changes: String,
}

#[derive(Serialize)]
struct Evaluated {
    evaluated: bool,
    triggered_alerts_count: usize,
    triggered_alerts: Vec<ShownAlert>,
    timestamp: String,
}

// === impl Order ===

impl Order {
    /// Reads the body of the request. `segment` is that of its path.
    pub(super) fn read(
        change: Change,
        segment: &str,
        request_body: &[u8],
    ) -> Result<Self, Refusal> {
        Ok(match change {
            Change::Evaluate => {
                let NoBody {} = body::parsed(request_body)?;
                Self::Evaluate
            }
            Change::Test => {
                let NoBody {} = body::parsed(request_body)?;
                Self::Test
            }
            Change::Silence => {
                let asked: SilenceBody = body::parsed(request_body)?;
                Self::Silence(asked.checked()?)
            }
            Change::EndSilence => {
                let NoBody {} = body::parsed(request_body)?;
                Self::EndSilence(segment.parse().map_err(|_| no_silence())?)
            }
            Change::Acknowledge => {
                let asked: AcknowledgeBody = body::parsed(request_body)?;
                check_name("by", &asked.by)?;
                let fingerprint = segment.parse().map_err(|_| no_alert())?;
                Self::Acknowledge(fingerprint, asked.by)
            }
            Change::Deployed => {
                let asked: DeployedBody = body::parsed(request_body)?;
                Self::Deployed(asked.checked()?)
            }
        })
    }

    /// Does what is asked. An evaluation can block.
    pub(super) fn obey(self, sources: &Sources) -> Result<Response<Full<Bytes>>, Refusal> {
        let alerts = &sources.alerts;
        match self {
            Self::Evaluate => Ok(evaluated(alerts.evaluate())),
            Self::Test => {
                let findings = sources.doctor.send_tests();
                let now = rfc3339::since_1970(timestamp::since_1970()).to_string();
                Ok(answer::json(StatusCode::OK, &tested(&findings, &now)))
            }
            Self::Silence(silence) => {
                can_fit(&silence, alerts)?;
                if alerts.silences().len() >= NewSilence::MOST {
                    let sentence = format!("there are {} silences already", NewSilence::MOST);
                    return Err(Refusal::new(StatusCode::CONFLICT, sentence));
                }
                let silence = alerts.silence(silence).map_err(refused)?;
                let silence = ShownSilence::from(silence);
                Ok(answer::json(StatusCode::CREATED, &silence))
            }
            Self::EndSilence(id) => match alerts.end_silence(id) {
                true => Ok(answer::json(
                    StatusCode::OK,
                    &json!({ "ended": true, "id": id }),
                )),
                false => Err(no_silence()),
            },
            Self::Acknowledge(fingerprint, by) => {
                let alert = alerts.acknowledge(fingerprint, &by);
                let alert = alert.map_err(|_| no_alert())?;
                Ok(answer::json(StatusCode::OK, &ShownAlert::from(alert)))
            }
            Self::Deployed(deployment) => {
                let version = deployment.version.clone();
                sources.deployments.record(deployment);
                let recorded = json!({ "recorded": true, "version": version });
                Ok(answer::json(StatusCode::CREATED, &recorded))
            }
        }
    }
}

/// What is there is not `null`.
fn there<'de, T: Deserialize<'de>, D: Deserializer<'de>>(value: D) -> Result<Option<T>, D::Error> {
    T::deserialize(value).map(Some)
}

fn evaluated(firing: Vec<Alert>) -> Response<Full<Bytes>> {
    let evaluated = Evaluated {
        evaluated: true,
        triggered_alerts_count: firing.len(),
        triggered_alerts: ListedAlerts::of(firing).shown,
        timestamp: rfc3339::since_1970(timestamp::since_1970()).to_string(),
    };
    answer::json(StatusCode::OK, &evaluated)
}

// === impl SilenceBody ===

impl SilenceBody {
    fn checked(self) -> Result<NewSilence, Refusal> {
        check_name("by", &self.by)?;
        check_length("comment", &self.comment, LONGEST)?;
        if !(1..=NewSilence::MOST_LABELS).contains(&self.labels.len()) {
            let sentence = format!("labels: expected 1 to {}", NewSilence::MOST_LABELS);
            return Err(Refusal::bad(sentence));
        }
        for text in self.labels.iter().flat_map(|(name, value)| [name, value]) {
            check_length("labels", text, LONGEST)?;
        }
        let lasts = match (&self.lasts, &self.ends) {
            (Some(lasts), None) => lasting(lasts)?,
            (None, Some(ends)) => until(ends)?,
            _ => return Err(Refusal::bad("expected either `lasts` or `ends`")),
        };
        let silence = NewSilence::of(lasts).by(self.by).comment(self.comment);
        let labels = self.labels.into_iter();
        Ok(labels.fold(silence, |silence, (name, value)| silence.label(name, value)))
    }
}

/// A silence that no alert can fit silences nothing, and somebody believes that it does.
fn can_fit(silence: &NewSilence, alerts: &AlertsHandle) -> Result<(), Refusal> {
    for (name, value) in &silence.labels {
        let expected = match name.as_str() {
            "alert" if !alerts.has_rule(value) => "the name of a rule",
            "severity" if AlertSeverity::ALL.iter().all(|one| one.as_str() != value) => {
                "info, warning or critical"
            }
            "fingerprint" if value.parse::<Fingerprint>().is_err() => "16 hexadecimal digits",
            _ => continue,
        };
        return Err(Refusal::bad_value(
            &format!("labels.{name}"),
            value,
            expected,
        ));
    }
    Ok(())
}

/// A whole number of seconds, or a text such as `30m`.
fn lasting(lasts: &Value) -> Result<Duration, Refusal> {
    let time = match lasts {
        Value::Number(seconds) => seconds
            .as_f64()
            .filter(|seconds| seconds.fract() == 0.0)
            .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()),
        Value::String(text) => time(text),
        _ => None,
    };
    let expected = "a time such as \"30m\" or a whole number of seconds, at most 30 days";
    time.filter(|time| !time.is_zero() && *time <= NewSilence::LONGEST)
        .ok_or_else(|| Refusal::bad_value("lasts", &lasts.to_string(), expected))
}

fn until(ends: &str) -> Result<Duration, Refusal> {
    let expected = "a time such as 2026-11-20T12:00:00Z";
    let end = rfc3339::parse(ends).ok_or_else(|| Refusal::bad_value("ends", ends, expected))?;
    // What is right now was not a moment ago.
    let refuse = |sentence| Err(Refusal::new(StatusCode::CONFLICT, sentence));
    match end.checked_sub(timestamp::since_1970()) {
        Some(lasts) if lasts > NewSilence::LONGEST => {
            refuse("ends: expected at most 30 days from now")
        }
        Some(lasts) if !lasts.is_zero() => Ok(lasts),
        _ => refuse("ends: that time has passed"),
    }
}

// === impl DeployedBody ===

impl DeployedBody {
    fn checked(self) -> Result<NewDeployment, Refusal> {
        check_name("version", &self.version)?;
        if let Some(by) = &self.by {
            check_name("by", by)?;
        }
        check_length("changes", &self.changes, LONGEST_CHANGES)?;
        Ok(NewDeployment {
            version: self.version,
            by: self.by,
            changes: self.changes,
        })
    }
}

/// A name is a text on one line.
fn check_name(field: &str, name: &str) -> Result<(), Refusal> {
    check_length(field, name, LONGEST)?;
    match name.trim().is_empty() || name.contains(char::is_control) {
        true => Err(Refusal::bad_value(field, name, "a text on one line")),
        false => Ok(()),
    }
}

fn check_length(field: &str, text: &str, longest: usize) -> Result<(), Refusal> {
    match text.chars().count() > longest {
        true => Err(Refusal::bad(format!(
            "{field}: at most {longest} characters"
        ))),
        false => Ok(()),
    }
}

fn refused(error: ConfigError) -> Refusal {
    let field = error.field().trim_start_matches("silence.").to_owned();
    Refusal::bad(format!("{field}: {}", error.reason()))
}

fn no_silence() -> Refusal {
    Refusal::not_found("there is no silence with this number")
}

fn no_alert() -> Refusal {
    Refusal::not_found("no alert with this fingerprint fires")
}

//! Shows the instances of a service beside each other, for the subcommand `status`.

use serde_json::{Value, json};

use super::{
    api::{Api, Failure},
    table::{between, columns, number, text},
};

/// What a service that is one of several says of all of them.
pub(super) enum Instances {
    /// As the API has them.
    Known(Value),
    /// Why nothing is known of them.
    Silent(String),
}

// === impl Instances ===

impl Instances {
    /// Asks for them. `None` where the service is in no fleet.
    pub(super) fn ask(api: &Api) -> Result<Option<Self>, Failure> {
        match api.json_if_there("/fleet?window=5m&limit=1") {
            Ok(known) => Ok(known.map(Self::Known)),
            // The service itself has answered before.
            Err(Failure::Refused(reason)) => Ok(Some(Self::Silent(reason))),
            Err(nobody) => Err(nobody),
        }
    }

    pub(super) fn json(&self) -> Value {
        match self {
            Self::Known(fleet) => json!({
                "requests": fleet["total"]["requests"],
                "error_rate": fleet["total"]["error_rate"],
                "p95_ms": fleet["total"]["p95_ms"],
                "instances_count": fleet["instances_count"],
                "instances": fleet["instances"],
                "unlisted_starts": fleet["unlisted_starts"],
            }),
            Self::Silent(reason) => json!({ "error": reason }),
        }
    }

    /// A table. `now` is the time of the service.
    pub(super) fn text(&self, now: &Value) -> String {
        let fleet = match self {
            Self::Known(fleet) => fleet,
            Self::Silent(reason) => {
                return columns(&[vec!["instances".to_owned(), reason.clone()]]);
            }
        };
        let head = [
            "INSTANCE", "VERSION", "REQUESTS", "ERRORS", "P95", "HEALTH", "SEEN", "",
        ];
        let mut rows = vec![head.map(str::to_owned).to_vec()];
        let instances = fleet["instances"].as_array().into_iter().flatten();
        rows.extend(instances.map(|instance| row(instance, now)));
        let left = fleet["instances_count"].as_u64().unwrap_or(0);
        let left = left.saturating_sub(rows.len() as u64 - 1);
        if left > 0 {
            rows.push(vec![format!("and {left} more")]);
        }
        rows.push(together(&fleet["total"]));
        columns(&rows)
    }
}

fn row(instance: &Value, now: &Value) -> Vec<String> {
    vec![
        text(&instance["id"]),
        text(&instance["version"]),
        count(&instance["requests"]),
        share(instance),
        number(&instance["p95_ms"], " ms"),
        text(&instance["health"]),
        format!("{} ago", between(&instance["last_seen"], now)),
        odd(instance),
    ]
}

fn together(total: &Value) -> Vec<String> {
    vec![
        "together".to_owned(),
        String::new(),
        count(&total["requests"]),
        share(total),
        number(&total["p95_ms"], " ms"),
    ]
}

/// What is unusual of it.
fn odd(instance: &Value) -> String {
    let words = [
        ("lost", "lost"),
        ("ended", "ended"),
        ("slow", "slow"),
        ("other_settings", "other thresholds"),
    ];
    let is = |key: &str| instance[key] == true;
    let told: Vec<_> = words
        .into_iter()
        .filter(|(key, _)| is(key))
        .map(|(_, word)| word)
        .collect();
    told.join(", ")
}

fn count(value: &Value) -> String {
    value
        .as_u64()
        .map_or("-".to_owned(), |count| count.to_string())
}

fn share(traffic: &Value) -> String {
    let [errors, requests] = ["errors", "requests"].map(|key| traffic[key].as_f64());
    let share = errors.zip(requests.filter(|requests| *requests > 0.0));
    number(
        &json!(share.map(|(errors, requests)| errors * 100.0 / requests)),
        " %",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn instance(id: &str, more: Value) -> Value {
        let mut made = json!({
            "id": id, "version": "1.4.2", "requests": 40, "errors": 1, "p95_ms": 20.04, "health": "healthy",
            "last_seen": "2026-11-20T12:00:00.000Z", "lost": false, "slow": false, "other_settings": false,
        });
        for (key, value) in more.as_object().unwrap() {
            made[key] = value.clone();
        }
        made
    }

    #[test]
    fn instances_stand_below_each_other_with_what_is_odd_of_each() {
        let slow = json!({ "slow": true, "p95_ms": 900, "other_settings": true });
        let lost = json!({ "lost": true, "version": null, "requests": 0, "errors": 0, "p95_ms": null, "health": null });
        let fleet = Instances::Known(json!({
            "total": { "requests": 80, "errors": 2, "error_rate": 0.025, "p95_ms": 412.5 },
            "instances": [instance("shop-1", json!({})), instance("shop-2", slow), instance("shop-3\u{1b}", lost)],
        }));
        let text = fleet.text(&json!("2026-11-20T12:00:07.000Z"));
        assert_eq!(
            text,
            "INSTANCE      VERSION  REQUESTS  ERRORS  P95       HEALTH   SEEN\n\
             shop-1        1.4.2    40        2.5 %   20.0 ms   healthy  7s ago\n\
             shop-2        1.4.2    40        2.5 %   900.0 ms  healthy  7s ago  slow, other thresholds\n\
             shop-3\\u{1b}  -        0         -       -         -        7s ago  lost\n\
             together               80        2.5 %   412.5 ms\n"
        );
        let json = fleet.json();
        assert_eq!(
            (&json["requests"], &json["instances"][1]["slow"]),
            (&json!(80), &json!(true))
        );
    }

    #[test]
    fn instances_without_room_are_counted() {
        let fleet = Instances::Known(json!({
            "total": { "requests": 80, "errors": 2, "p95_ms": 412.5 },
            "instances_count": 1_203,
            "unlisted_starts": 40,
            "instances": [instance("shop-1", json!({})), instance("shop-2", json!({}))],
        }));
        let text = fleet.text(&json!("2026-11-20T12:00:07.000Z"));
        let rest: Vec<_> = text.lines().skip(3).collect();
        assert_eq!(rest[0], "and 1201 more", "{text}");
        assert!(rest[1].starts_with("together"), "{text}");
        let json = fleet.json();
        assert_eq!(json["instances_count"], 1_203);
        assert_eq!(json["unlisted_starts"], 40);
    }

    #[test]
    fn a_silent_fleet_is_told_in_one_line() {
        let fleet = Instances::Silent("HTTP 503: nothing is known of other instances".to_owned());
        assert_eq!(
            fleet.text(&Value::Null),
            "instances  HTTP 503: nothing is known of other instances\n"
        );
        assert_eq!(
            fleet.json()["error"],
            "HTTP 503: nothing is known of other instances"
        );
    }
}

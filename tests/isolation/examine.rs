//! Looks in all that Sentry got for data of another request, and for data that is missing.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    ops::Range,
};

use serde_json::Value;

use crate::app::{KINDS, marker, trace_of};

/// What other crates' layers around the handler make of a failure.
#[derive(Clone, Copy, Default)]
pub(crate) struct Around {
    /// A `TraceLayer` within ours.
    traced_inside: bool,
    /// A `TraceLayer` around ours. Its line is outside of any request, and its failure is told already.
    traced_outside: bool,
    /// What the handler adds to its hub is seen neither by the event of a bare 500 nor by `run` on another thread.
    hides_scope: bool,
}

/// The traces of all requests until now.
#[derive(Default)]
pub(crate) struct Seen {
    owners: HashMap<String, Owner>,
    traces: HashMap<Owner, String>,
    /// The logs of this round that show no request, by body and trace.
    unmarked: Vec<(String, String)>,
}

/// A request, by its marker, and whether it is the one that it asked in its own process.
type Owner = (String, bool);

/// How often each request was told, by what was said.
type Told = BTreeMap<String, usize>;

// === impl Around ===

impl Around {
    pub(crate) fn traced() -> Self {
        Self {
            traced_inside: true,
            ..Self::default()
        }
    }

    pub(crate) fn traced_twice() -> Self {
        Self {
            traced_inside: true,
            traced_outside: true,
            ..Self::default()
        }
    }

    pub(crate) fn hidden() -> Self {
        Self {
            traced_inside: true,
            hides_scope: true,
            ..Self::default()
        }
    }
}

// === impl Seen ===

impl Seen {
    /// Examines what Sentry got of one round, which had the requests `sent`.
    pub(crate) fn examine(
        &mut self,
        envelopes: &[Vec<(String, Value)>],
        around: Around,
        sent: Range<usize>,
    ) {
        let mut told = Told::new();
        let mut of_nobody = HashSet::new();
        for envelope in envelopes {
            for (kind, item) in envelope {
                match &**kind {
                    "event" => self.event(item, envelope, around, &mut told, &mut of_nobody),
                    "log" | "trace_metric" => {
                        for item in item["items"].as_array().unwrap() {
                            self.item(item, &mut told, &mut of_nobody);
                        }
                    }
                    "attachment" | "client_report" => {}
                    other => panic!("nobody made a {other}: {item:#}"),
                }
            }
        }
        for trace in of_nobody {
            assert!(!self.owners.contains_key(&trace), "{trace} of nobody");
        }
        for n in sent.clone() {
            if let Some(trace) = trace_of(n) {
                let owner = self.owners.get(&trace);
                assert_eq!(owner, Some(&(marker(n), false)), "the caller's trace");
            }
        }
        for (body, trace) in self.unmarked.drain(..) {
            let owner = match self.owners.get(&trace) {
                Some((_, true)) => "an inner request",
                Some(_) => "a request",
                None => "nobody",
            };
            *told.entry(format!("{body} of {owner}")).or_default() += 1;
        }
        assert_eq!(told, expected(sent, around));
    }

    fn event(
        &mut self,
        event: &Value,
        envelope: &[(String, Value)],
        around: Around,
        told: &mut Told,
        of_nobody: &mut HashSet<String>,
    ) {
        let text = event.to_string();
        let trace = text_of(&event["contexts"]["trace"]["trace_id"]);
        let message = text_of(&event["logentry"]["message"]) + &text_of(&event["message"]);
        if message.starts_with("astray") {
            for of_request in [
                r#""id-mark"#,
                "begins",
                "goes on",
                "\"left\":",
                "\"extra\":",
            ] {
                assert!(!text.contains(of_request), "{of_request}: {event:#}");
            }
            assert!(event.get("user").is_none(), "{event:#}");
            of_nobody.insert(trace);
            *told.entry("astray".to_owned()).or_default() += 1;
            return;
        }
        let mut markers = markers(&text);
        markers.extend(
            envelope
                .iter()
                .flat_map(|(_, item)| self::markers(&item.to_string())),
        );
        let marker = only(&markers, event);
        assert!(!text.contains("astray"), "{event:#}");
        let is_inner = text.contains(&format!("{marker}inner"));
        self.belongs(&trace, (marker.clone(), is_inner), event);
        let attached = envelope.iter().find(|(kind, _)| kind == "attachment");
        if is_inner {
            assert!(event.get("user").is_none(), "{event:#}");
            assert!(
                attached.is_none() && event["tags"].get("left").is_none(),
                "{event:#}"
            );
            *told.entry("inner".to_owned()).or_default() += 1;
            return;
        }
        assert_eq!(event["tags"]["request_id"], format!("id-{marker}"));
        assert_eq!(event["tags"]["marker"], *marker);
        assert_eq!(event["user"]["id"], *marker);
        let is_failure = event["transaction"] == "/bad/{marker}";
        let runs_outside = is_failure || message.ends_with("blocking");
        if !(runs_outside && around.hides_scope) {
            assert_eq!(event["tags"]["left"], *marker, "{event:#}");
            assert_eq!(event["extra"]["extra"], *marker);
            assert_eq!(event["contexts"]["left"]["marker"], *marker);
            assert_eq!(attached.unwrap().1, *marker);
            let crumbs = event["breadcrumbs"]["values"].to_string();
            assert!(crumbs.contains(&format!("begins {marker}")), "{event:#}");
        }
        let what = match is_failure {
            true => "failed".to_owned(),
            false => message.replace(&marker, "").trim().to_owned(),
        };
        *told.entry(what).or_default() += 1;
    }

    /// Examines a log or a metric.
    fn item(&mut self, item: &Value, told: &mut Told, of_nobody: &mut HashSet<String>) {
        let text = item.to_string();
        let trace = text_of(&item["trace_id"]);
        let body = text_of(&item["body"]) + &text_of(&item["name"]);
        let what = if text.contains("astray") {
            assert!(!text.contains("user.id"), "{item:#}");
            of_nobody.insert(trace);
            "log: astray".to_owned()
        } else {
            let markers = markers(&text);
            if markers.is_empty() {
                self.unmarked.push((body, trace));
                return;
            }
            let marker = only(&markers, item);
            let is_inner = text.contains(&format!("{marker}inner"));
            self.belongs(&trace, (marker.clone(), is_inner), item);
            format!("log: {}", body.replace(&marker, "").trim())
        };
        *told.entry(what).or_default() += 1;
    }

    /// One request has one trace, and no other has it.
    fn belongs(&mut self, trace: &str, owner: Owner, shown: &Value) {
        let of_trace = self.owners.entry(trace.to_owned());
        assert_eq!(
            *of_trace.or_insert_with(|| owner.clone()),
            owner,
            "{shown:#}"
        );
        let of_owner = self.traces.entry(owner);
        assert_eq!(
            of_owner.or_insert_with(|| trace.to_owned()),
            trace,
            "{shown:#}"
        );
    }
}

/// How often what is said in a round.
fn expected(sent: Range<usize>, around: Around) -> Told {
    let of_each = sent.len() / KINDS.len();
    let mut all = vec![
        ("failed", 1),
        ("handler", 1),
        ("task", 1),
        ("inner", 1),
        ("wrong", 1),
        ("local", 1),
        ("astray", 2),
        ("blocking", 1),
        ("log: begins", KINDS.len()),
        // The lines of this crate: of each request, of each start, and of each request within.
        ("log: request", KINDS.len()),
        ("log: watching", 1),
        ("request of an inner request", 1),
        ("log: goes on", KINDS.len()),
        ("log: task", 2),
        ("log: inner", 1),
        ("log: within inner", 1),
        ("log: wrong", 1),
        ("log: log", 1),
        ("log: thread", 1),
        ("log: orders", 1),
        ("log: local", 2),
        // A line of each of six, a log of two.
        ("log: astray", 8),
    ];
    if around.traced_inside {
        all.push(("log: response failed", 1));
    }
    if around.traced_outside {
        all.push(("response failed of nobody", 1));
    }
    all.into_iter()
        .map(|(what, times)| (what.to_owned(), times * of_each))
        .collect()
}

fn text_of(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn only(markers: &BTreeSet<String>, shown: &Value) -> String {
    let [marker] = markers.iter().collect::<Vec<_>>()[..] else {
        panic!("the data of {markers:?}: {shown:#}");
    };
    marker.clone()
}

fn markers(text: &str) -> BTreeSet<String> {
    text.match_indices("mark")
        .filter_map(|(at, _)| text.get(at..at + 10))
        .filter(|marker| marker[4..].bytes().all(|byte| byte.is_ascii_digit()))
        .map(str::to_owned)
        .collect()
}

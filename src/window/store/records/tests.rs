use super::*;

const ROOM: usize = 1_000_000;

fn versions(records: &Records) -> Vec<(String, bool)> {
    let starts = records.starts();
    starts
        .map(|start| (start.version, start.is_deployment))
        .collect()
}

#[test]
fn a_start_is_a_deployment_only_where_two_known_versions_differ() {
    for (stored, running, expected) in [
        (Some("1.4.1"), Some("1.4.2"), true),
        (Some("1.4.2"), Some("1.4.1"), true),
        (Some("1.4.2"), Some("1.4.2"), false),
        (None, Some("1.4.2"), false),
        (Some("1.4.2"), None, false),
        (None, None, false),
    ] {
        assert_eq!(
            is_deployment(stored, running),
            expected,
            "{stored:?} {running:?}"
        );
    }
}

#[test]
fn only_the_first_start_of_all_and_deployments_are_noted() {
    let mut records = Records::default();
    let mut noted = Vec::new();
    for (at, running) in [
        (1, None),
        (2, Some("1.0")),
        (3, Some("1.0")),
        (4, None),
        (5, Some("1.0")),
        (6, Some("1.1")),
        (7, None),
        (8, Some("1.0")),
    ] {
        let started = records.started(running, at);
        noted.extend(started.map(|start| (start.at_ms, start.version, start.is_deployment)));
    }
    let expected = [(2, "1.0", false), (6, "1.1", true), (8, "1.0", true)];
    assert_eq!(
        noted,
        expected.map(|(at, version, new)| (at, version.to_owned(), new))
    );
    let kept: Vec<_> = records.starts().map(|start| start.at_ms).collect();
    assert_eq!(kept, [2, 6, 8]);
}

#[test]
fn records_come_back_from_their_lines_also_those_of_an_unknown_kind() {
    let newer =
        r#"{"kind":"alert","name":"high_error_rate","version":"9","at_ms":9,"is_deployment":true}"#;
    let mut records = Records::decode(newer.as_bytes()).unwrap();
    records.started(Some("1.0 \"beta\"\n"), u64::MAX);
    let lines = records.encode(ROOM);
    assert_eq!(lines.iter().filter(|byte| **byte == b'\n').count(), 2);
    let read = Records::decode(&lines).unwrap();
    assert_eq!(read, records);
    assert_eq!(versions(&read), [("1.0 \"beta\"\n".to_owned(), false)]);
    assert!(
        String::from_utf8(lines)
            .unwrap()
            .contains("high_error_rate")
    );
}

#[test]
fn the_newest_records_are_kept() {
    let mut records = Records::default();
    for number in 0..MOST as u64 + 5 {
        records.started(Some(&number.to_string()), number);
    }
    let at = |records: &Records| {
        let starts: Vec<_> = records.starts().map(|start| start.at_ms).collect();
        (starts.len(), starts[0], *starts.last().unwrap())
    };
    assert_eq!(at(&records), (1_000, 5, 1_004));
    let more = [records.encode(ROOM), records.encode(ROOM)].concat();
    assert_eq!(at(&Records::decode(&more).unwrap()), (1_000, 5, 1_004));
    let all = records.encode(ROOM).len();
    for room in [0, 1, 100, 1_000, all - 1, all] {
        let lines = records.encode(room);
        assert!(lines.len() <= room, "{room}");
        let read = Records::decode(&lines).unwrap();
        assert_eq!(
            read.starts().next_back(),
            records.starts().next_back().filter(|_| room >= 100)
        );
    }
    assert_eq!(records.encode(all).len(), all);
}

#[test]
fn a_line_that_is_no_record_is_named() {
    let start = r#"{"kind":"start","version":"1","at_ms":1,"is_deployment":false}"#;
    for wrong in [
        "nonsense",
        "[]",
        "null",
        "{}",
        r#"{"kind":7}"#,
        r#"{"kind":"start"}"#,
        r#"{"kind":"start","version":"1","at_ms":-1,"is_deployment":false}"#,
        r#"{"kind":"start","version":1,"at_ms":1,"is_deployment":false}"#,
        "\u{fffd}",
        &"[".repeat(100_000),
    ] {
        let lines = format!("{start}\n{wrong}\n");
        let problem = Records::decode(lines.as_bytes()).unwrap_err();
        assert_eq!(
            problem.to_string(),
            "line 2 is no record, so it will be replaced"
        );
    }
    assert_eq!(Records::decode(b"").unwrap(), Records::default());
}

#[test]
fn a_start_that_the_application_also_records_is_one_deployment() {
    let recorded = |version: &str, at_ms| Deployed {
        version: version.to_owned(),
        at_ms,
        environment: "production".to_owned(),
        by: "ci".to_owned(),
        changes: "faster search".to_owned(),
    };
    let mut records = Records::default();
    records.started(Some("1.0"), 1);
    records.started(Some("1.1"), 2);
    records.deployed(&recorded("1.1", 3));
    records.deployed(&recorded("1.1", 4));
    records.started(Some("1.2"), 5);
    let kept = Records::decode(&records.encode(ROOM)).unwrap();
    let deployments = kept.deployments();
    let told = |one: &Deployed| (one.version.clone(), one.at_ms, one.by.clone());
    let expected = [("1.1", 2, "ci"), ("1.1", 4, "ci"), ("1.2", 5, "")];
    assert_eq!(
        deployments.iter().map(told).collect::<Vec<_>>(),
        expected.map(|(version, at, by)| (version.to_owned(), at, by.to_owned()))
    );
}

#[test]
fn a_deployment_with_a_long_text_leaves_room_for_the_others() {
    let mut records = Records::default();
    records.started(Some("1.0"), 1);
    records.deployed(&Deployed {
        version: "1.1".into(),
        at_ms: 2,
        environment: "production".into(),
        by: "ci".into(),
        changes: "ä".repeat(ROOM),
    });
    let read = Records::decode(&records.encode(ROOM)).unwrap();
    assert_eq!(versions(&read), [("1.0".to_owned(), false)]);
    let [deployed] = &read.deployments()[..] else {
        panic!("{read:?}");
    };
    assert_eq!(deployed.changes, format!("{}…", "ä".repeat(2_048)));
}

#[test]
fn a_long_version_is_cut_and_known_again() {
    let long = "ä".repeat(ROOM);
    let mut records = Records::default();
    records.started(Some("1.0"), 1);
    let start = records.started(Some(&long), 2).unwrap();
    assert_eq!(start.version, format!("{}…", "ä".repeat(2_048)));
    let mut read = Records::decode(&records.encode(ROOM)).unwrap();
    assert_eq!(
        versions(&read),
        [("1.0".to_owned(), false), (start.version, true)]
    );
    assert_eq!(read.started(Some(&long), 3), None);
    // What the application says of it is no second deployment.
    read.deployed(&Deployed {
        version: long,
        at_ms: 4,
        environment: String::new(),
        by: "ci".into(),
        changes: String::new(),
    });
    let [deployed] = &read.deployments()[..] else {
        panic!("{read:?}");
    };
    assert_eq!((deployed.at_ms, &*deployed.by), (2, "ci"));
}

#[test]
fn the_last_deployment_is_the_last_of_all() {
    let mut random = fastrand::Rng::with_seed(20);
    for _ in 0..500 {
        let mut records = Records::default();
        for at_ms in 0..random.u64(..8) {
            let version = ["1.0", "1.1"][random.usize(..2)].to_owned();
            match random.u8(..3) {
                0 => _ = records.started(Some(&version), at_ms),
                1 => records.set_only(ALERTS, &at_ms),
                _ => {
                    records.deployed(&Deployed {
                        version,
                        at_ms,
                        environment: String::new(),
                        by: String::new(),
                        changes: String::new(),
                    });
                }
            }
            assert_eq!(records.last_deployment(), records.deployments().pop());
        }
    }
}

use super::*;

#[test]
fn a_description_is_shown_with_its_unit() {
    let recorder = recorder();
    let seconds = || Some(Unit::Seconds);
    recorder.describe_histogram("wait.seconds".into(), seconds(), "Time in line.".into());
    recorder.describe_counter(
        "busy_seconds_total".into(),
        seconds(),
        "Time of work.".into(),
    );
    recorder.describe_gauge("heap_bytes".into(), Some(Unit::Bytes), "The heap.".into());
    recorder.describe_gauge("ratio".into(), Some(Unit::Percent), "A part.".into());
    recorder.describe_gauge("age".into(), seconds(), "Its name has no unit.".into());
    recorder.describe_gauge("age".into(), None, "The second text.".into());
    recorder.describe_counter("kind".into(), None, "Of another kind.".into());
    recorder.describe_counter("unused".into(), None, "Never recorded.".into());
    histogram(&recorder, "wait.seconds", &[]).record(0.0);
    counter(&recorder, "busy_seconds_total", &[]).increment(0);
    for name in ["heap_bytes", "ratio", "age", "kind"] {
        gauge(&recorder, name, &[]).set(0.0);
    }
    let page = Page::of(&recorder).0;
    let families: Vec<_> = page.iter().filter(|line| !line.starts_with('{')).collect();
    let expected = [
        "age Gauge None \"Its name has no unit.\"",
        "busy_seconds_total Counter Some(Seconds) \"Time of work.\"",
        "heap_bytes Gauge Some(Bytes) \"The heap.\"",
        "kind Gauge None \"\"",
        "ratio Gauge None \"A part.\"",
        "wait_seconds Histogram Some(Seconds) \"Time in line.\"",
    ];
    assert_eq!(families, expected);
}

#[test]
fn descriptions_are_bounded() {
    let recorder = recorder();
    let text = "x".repeat(1_000_000);
    for n in 0..2_000 {
        recorder.describe_gauge(format!("gauge_{n:04}").into(), None, text.clone().into());
    }
    for name in ["gauge_0999", "gauge_1000"] {
        gauge(&recorder, name, &[]).set(1.0);
    }
    let page = Page::of(&recorder).0;
    assert_eq!(
        page[0],
        format!("gauge_0999 Gauge None \"{}…\"", "x".repeat(1_024))
    );
    assert_eq!(page[2], "gauge_1000 Gauge None \"\"");
}

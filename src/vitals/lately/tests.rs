use std::{convert::Infallible, env, fs, future::ready, process, sync::mpsc::channel, thread};

use http::{Method, StatusCode};

use super::*;

/// Longer than any disk needs.
const LONG: Duration = Duration::from_secs(60);

#[tokio::test]
async fn a_state_file_that_is_not_written_in_time_is_told() {
    let folder = env::temp_dir().join(format!("tower-vitals-unsaved-{}", process::id()));
    fs::create_dir_all(&folder).unwrap();
    let builder = Vitals::builder()
        .isolated()
        .state_file(folder.join("state"));
    // The least that a shutdown waits for the file is longer than this.
    let builder = builder
        .drain_delay(Duration::ZERO)
        .shutdown_deadline(Duration::from_millis(1));
    let vitals = builder.build().unwrap();
    let (holds, held) = channel();
    let (free, freed) = channel::<()>();
    // Whoever sums a window keeps it from being written meanwhile.
    vitals
        .metrics()
        .record_request(&Method::GET, "/", StatusCode::OK, Duration::ZERO);
    let window = vitals.lately.0.window.clone();
    let holder = thread::spawn(move || {
        let wanted = |_: &Key| {
            let _ = holds.send(());
            freed.recv().is_ok()
        };
        drop(window.view().sums(Span::Last(LONG), wanted));
    });
    held.recv().unwrap();
    let report = vitals.run(ready(Ok::<_, Infallible>(()))).await.unwrap();
    assert!(report.unsaved);
    drop(free);
    holder.join().unwrap();
    assert!(vitals.lately.end(LONG), "it goes on");
    assert!(folder.join("state").is_file());
    fs::remove_dir_all(folder).unwrap();
}

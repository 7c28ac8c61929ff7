use futures::FutureExt;
use http_body_util::{BodyExt, Full};

use super::*;

const LONGEST: Duration = Duration::from_secs(30);

#[tokio::test(start_paused = true)]
async fn a_connection_stalls_when_its_client_takes_nothing_of_one_answer() {
    let progress = Progress::new();
    let stalls = || progress.stalls(LONGEST).now_or_never().is_some();
    let after = async |seconds| time::advance(Duration::from_secs(seconds)).await;
    after(29).await;
    assert!(!stalls());
    let slow = progress.begin();
    after(100).await;
    assert!(!stalls(), "the client waits for its answer");
    let mut answer = slow.answered(Full::new(Bytes::from(vec![0; PIECE + 1])));
    assert_eq!(answer.size_hint().exact(), Some(PIECE as u64 + 1));
    after(29).await;
    assert!(!stalls());
    let piece = answer.frame().await.unwrap().unwrap().into_data().unwrap();
    assert_eq!(piece.len(), PIECE);
    assert_eq!(answer.size_hint().exact(), Some(1));
    assert!(!answer.is_end_stream());
    after(29).await;
    // What is asked and taken beside it does not help.
    let other = progress.begin().answered(Full::new(Bytes::new()));
    assert!(!stalls());
    after(1).await;
    assert!(stalls());
    drop(other);
    assert_eq!(
        answer
            .frame()
            .await
            .unwrap()
            .unwrap()
            .into_data()
            .unwrap()
            .len(),
        1
    );
    assert!(answer.is_end_stream() && answer.frame().await.is_none());
    drop(answer);
    after(29).await;
    assert!(!stalls());
    after(1).await;
    assert!(stalls(), "nothing was asked");
}

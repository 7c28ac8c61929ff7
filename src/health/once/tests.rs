use std::{
    io,
    net::{SocketAddr, ToSocketAddrs},
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
        mpsc,
    },
    time::Duration,
    vec,
};

use tokio::{join, net::TcpListener, task, time};

use super::*;

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// A name that is looked up until the other end is dropped.
#[derive(Clone)]
struct Slow {
    at: SocketAddr,
    asked: Arc<AtomicUsize>,
    until: Arc<Mutex<mpsc::Receiver<()>>>,
}

impl ToSocketAddrs for Slow {
    type Iter = vec::IntoIter<SocketAddr>;

    fn to_socket_addrs(&self) -> io::Result<Self::Iter> {
        self.asked.fetch_add(1, SeqCst);
        let _ = self.until.lock().unwrap().recv();
        Ok(vec![self.at].into_iter())
    }
}

fn statuses(report: &HealthReport) -> Vec<Status> {
    report.checks.iter().map(|check| check.status).collect()
}

#[tokio::test]
async fn two_who_ask_once_at_the_same_time_share_a_slow_look_up() {
    let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (free, until) = mpsc::channel::<()>();
    let asked = Arc::<AtomicUsize>::default();
    let name = Slow {
        at: server.local_addr().unwrap(),
        asked: Arc::clone(&asked),
        until: Arc::new(Mutex::new(until)),
    };
    let check = Check::tcp("cache", name).timeout(Duration::from_secs(60));
    // Both ask beside the run in the background, and a clone has its own.
    let health = Health::builder().check(check.clone()).start().unwrap();
    let other = Health::builder().check(check).start().unwrap();
    let released = async {
        while asked.load(SeqCst) == 0 {
            task::yield_now().await;
        }
        // There is one thread, so every task has had its turn.
        for _ in 0..100 {
            task::yield_now().await;
        }
        drop(free);
    };
    let (first, second, third, ()) = join!(
        health.check_once(),
        health.check_once(),
        other.check_once(),
        released
    );
    for report in [first, second, third] {
        assert_eq!(statuses(&report), [Status::Healthy], "{report:?}");
    }
    assert_eq!(asked.load(SeqCst), 1);
    for health in [health, other] {
        while health.reports()[0].age.is_none() {
            task::yield_now().await;
        }
        assert_eq!(health.status(), Status::Healthy);
    }
}

#[tokio::test(start_paused = true)]
async fn a_lag_is_told_to_each_who_runs_the_check() {
    let check = Check::runtime_lag("runtime").interval(ms(1_000));
    let first = Health::builder().check(check.clone()).start().unwrap();
    let second = Health::builder().check(check).start().unwrap();
    time::sleep(ms(500)).await;
    // The clock moves, and no task gets its turn.
    time::advance(ms(350)).await;
    assert_eq!(
        statuses(&first.check_once().await),
        [Status::Healthy],
        "it measures from now on"
    );
    let mut late = [false; 2];
    for _ in 0..150 {
        time::sleep(ms(10)).await;
        for (late, health) in late.iter_mut().zip([&first, &second]) {
            *late |= health.status() == Status::Degraded;
        }
    }
    assert_eq!(late, [true, true]);
}

#[cfg(feature = "certificates")]
#[tokio::test]
async fn a_host_that_is_asked_once_and_silent_keeps_what_probes_show() {
    // Nobody listens there.
    let check = Check::certificate("tls", "127.0.0.1:1").anew();
    let entry = Entry::new(check.clone());
    let expiry = check.remembered.expiry.as_ref().unwrap();
    expiry.note(Some(7));
    entry.answer(&Ok(crate::health::Answer::Healthy), None);
    assert_eq!(entry.report().shown.as_deref(), Some("expired"));
    let report = Health::builder().check(check).check_once().await.unwrap();
    assert_eq!(statuses(&report), [Status::Unhealthy]);
    assert_eq!(entry.report().shown.as_deref(), Some("expired"));
}

#[cfg(feature = "redis")]
mod redis_round_trip {
    use std::{
        collections::HashMap,
        io::Write,
        net::{TcpListener, TcpStream},
        sync::Barrier,
        thread,
    };

    use redis::{FromRedisValue, Parser};

    use super::*;

    type Kept = Arc<Mutex<HashMap<String, String>>>;

    /// Answers as Redis does. After the first `SET` of a connection it waits for that of another one.
    fn serve(mut stream: TcpStream, kept: &Kept, both: &Barrier) {
        let mut parser = Parser::new();
        let mut reader = stream.try_clone().unwrap();
        while let Ok(command) = parser.parse_value(&mut reader) {
            let words = Vec::<String>::from_redis_value(command).unwrap();
            let answer = match (&*words[0].to_uppercase(), words.get(1)) {
                ("SET", Some(key)) => {
                    kept.lock().unwrap().insert(key.clone(), words[2].clone());
                    both.wait();
                    "+OK\r\n".to_owned()
                }
                ("GET", Some(key)) => {
                    let value = kept.lock().unwrap()[key].clone();
                    format!("${}\r\n{value}\r\n", value.len())
                }
                _ => "+OK\r\n".to_owned(),
            };
            if stream.write_all(answer.as_bytes()).is_err() {
                return;
            }
        }
    }

    #[tokio::test]
    async fn two_questions_at_once_take_each_other_no_value_away() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("redis://{}", listener.local_addr().unwrap());
        let kept = Kept::default();
        let of_server = Arc::clone(&kept);
        thread::spawn(move || {
            let both = Arc::new(Barrier::new(2));
            for stream in listener.incoming().map_while(Result::ok) {
                let (kept, both) = (Arc::clone(&of_server), Arc::clone(&both));
                thread::spawn(move || serve(stream, &kept, &both));
            }
        });
        let client = redis::Client::open(url).unwrap();
        let check = Check::redis_round_trip("cache", client).timeout(Duration::from_secs(60));
        let once = || Health::builder().check(check.clone()).check_once();
        let (first, second) = join!(once(), once());
        for report in [first.unwrap(), second.unwrap()] {
            assert_eq!(statuses(&report), [Status::Healthy], "{report:?}");
        }
        assert_eq!(kept.lock().unwrap().len(), 2, "keys");
    }
}

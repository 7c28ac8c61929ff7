//! Looks up the addresses of a host, on a thread of its own: the system's look-up can hang.

use std::{
    net::{IpAddr, SocketAddr, ToSocketAddrs},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread,
};

use tokio::sync::oneshot;

use super::failed::Failed;

/// Looks up one name at a time. So a look-up that hangs holds one thread, however often it is tried.
#[derive(Debug, Default)]
pub(super) struct LookUp {
    is_under_way: Arc<AtomicBool>,
}

/// A look-up that is under way, as long as this is there.
struct UnderWay(Arc<AtomicBool>);

// === impl LookUp ===

impl LookUp {
    pub(super) async fn addresses(&self, host: &str, port: u16) -> Result<Vec<SocketAddr>, Failed> {
        let asked = (host.to_owned(), port);
        self.by(host, port, move || {
            asked.to_socket_addrs().map(Iterator::collect)
        })
        .await
    }

    async fn by(
        &self,
        host: &str,
        port: u16,
        look_up: impl FnOnce() -> std::io::Result<Vec<SocketAddr>> + Send + 'static,
    ) -> Result<Vec<SocketAddr>, Failed> {
        if let Ok(ip) = host.parse::<IpAddr>() {
            return Ok(vec![(ip, port).into()]);
        }
        if self.is_under_way.swap(true, Relaxed) {
            let text = "the name was looked up before, and that still hangs";
            return Err(Failed::Because(text.to_owned()));
        }
        let under_way = UnderWay(Arc::clone(&self.is_under_way));
        let (answer, answered) = oneshot::channel();
        let run = move || {
            let found = look_up();
            drop(under_way);
            // Nobody waits after the deadline.
            let _ = answer.send(found);
        };
        let thread = thread::Builder::new().name("vitals-look-up".to_owned());
        thread.spawn(run)?;
        Ok(answered.await??)
    }
}

// === impl UnderWay ===

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.store(false, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::mpsc, time::Duration};

    use tokio::time::timeout;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_look_up_that_hangs_holds_one_thread() {
        let names = LookUp::default();
        let (free, freed) = mpsc::channel::<()>();
        let hangs = names.by("hooks.example.com", 443, move || {
            let _ = freed.recv();
            Ok(vec![([192, 0, 2, 7], 443).into()])
        });
        assert!(timeout(Duration::from_secs(10), hangs).await.is_err());
        for _ in 0..100 {
            let never = names.by("hooks.example.com", 443, || panic!("a second thread"));
            let Err(Failed::Because(text)) = never.await else {
                panic!("it was looked up");
            };
            assert!(text.contains("still hangs"), "{text}");
        }
        // An address needs none.
        let found = names.addresses("192.0.2.7", 443).await;
        assert_eq!(found.ok(), Some(vec![([192, 0, 2, 7], 443).into()]));
        drop(free);
        while names.is_under_way.load(Relaxed) {
            thread::yield_now();
        }
        let again = names.by("hooks.example.com", 443, || Ok(Vec::new()));
        assert_eq!(again.await.ok(), Some(Vec::new()));
    }
}

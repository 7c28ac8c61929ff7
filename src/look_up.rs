//! Looks up the addresses of a host, on a thread of its own: the system's look-up can hang.

use std::{
    io,
    net::{IpAddr, SocketAddr, ToSocketAddrs},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread,
};

use tokio::sync::oneshot;

/// Looks up one name at a time. So a look-up that hangs holds one thread, however often it is tried.
#[derive(Debug, Default)]
pub(crate) struct LookUp {
    is_under_way: Arc<AtomicBool>,
}

/// A look-up that is under way, as long as this is there.
struct UnderWay(Arc<AtomicBool>);

// === impl LookUp ===

impl LookUp {
    /// The addresses of a host by its name. One that is an address needs no look-up.
    pub(crate) async fn host(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        match host.parse::<IpAddr>() {
            Ok(ip) => Ok(vec![(ip, port).into()]),
            Err(_) => self.addresses((host.to_owned(), port)).await,
        }
    }

    /// The addresses of anything that has some.
    pub(crate) async fn addresses(
        &self,
        asked: impl ToSocketAddrs + Send + 'static,
    ) -> io::Result<Vec<SocketAddr>> {
        if self.is_under_way.swap(true, Relaxed) {
            let text = "the name was looked up before, and that still hangs";
            return Err(io::Error::other(text));
        }
        let under_way = UnderWay(Arc::clone(&self.is_under_way));
        let (answer, answered) = oneshot::channel();
        on_a_thread(asked, move |found| {
            drop(under_way);
            // Nobody waits after the deadline.
            let _ = answer.send(found);
        })?;
        answered.await.map_err(io::Error::other)?
    }
}

/// Looks up on a thread of its own, and gives what it found to `take` there.
pub(crate) fn on_a_thread(
    asked: impl ToSocketAddrs + Send + 'static,
    take: impl FnOnce(io::Result<Vec<SocketAddr>>) + Send + 'static,
) -> io::Result<()> {
    let thread = thread::Builder::new().name("vitals-look-up".to_owned());
    let look_up = move || take(asked.to_socket_addrs().map(Iterator::collect));
    thread.spawn(look_up).map(drop)
}

// === impl UnderWay ===

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.store(false, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::{Mutex, mpsc},
        time::Duration,
        vec,
    };

    use tokio::time::timeout;

    use super::*;

    const FOUND: ([u8; 4], u16) = ([192, 0, 2, 7], 443);

    /// A name whose look-up hangs until the other end is dropped.
    struct Hangs(Mutex<mpsc::Receiver<()>>);

    impl ToSocketAddrs for Hangs {
        type Iter = vec::IntoIter<SocketAddr>;

        fn to_socket_addrs(&self) -> io::Result<Self::Iter> {
            let _ = self.0.lock().unwrap().recv();
            Ok(vec![FOUND.into()].into_iter())
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_look_up_that_hangs_holds_one_thread() {
        let names = LookUp::default();
        let (free, freed) = mpsc::channel::<()>();
        let hangs = names.addresses(Hangs(Mutex::new(freed)));
        assert!(timeout(Duration::from_secs(10), hangs).await.is_err());
        for _ in 0..100 {
            let never = names.host("hooks.example.com", 443).await;
            let text = never.unwrap_err().to_string();
            assert!(text.contains("still hangs"), "{text}");
        }
        // An address needs none.
        let found = names.host("192.0.2.7", 443).await;
        assert_eq!(found.unwrap(), [FOUND.into()]);
        drop(free);
        while names.is_under_way.load(Relaxed) {
            thread::yield_now();
        }
        let again = names.addresses(SocketAddr::from(FOUND)).await;
        assert_eq!(again.unwrap(), [FOUND.into()]);
    }
}

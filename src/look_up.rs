//! Looks up the addresses of a host, on a thread of its own: the system's look-up can hang.

use std::{
    io,
    net::{IpAddr, SocketAddr, ToSocketAddrs},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
};

use tokio::sync::watch;

/// What a look-up found. An error as its kind and its text, since several may wait for it.
type Found = Result<Vec<SocketAddr>, (io::ErrorKind, String)>;

/// A host and its port. `None` if all questions are for the same place.
type Name = Option<(String, u16)>;

/// Looks up one name at a time. So a look-up that hangs holds one thread, however often it is tried. Who asks for the same name
/// while somebody waits for it gets the same answer.
#[derive(Debug, Default)]
pub(crate) struct LookUp {
    under_way: Arc<Mutex<Option<UnderWay>>>,
}

/// A look-up that is under way.
#[derive(Debug)]
struct UnderWay {
    name: Name,
    found: watch::Sender<Option<Found>>,
}

/// Ends a look-up, also one that panics or that has no thread.
struct Ends {
    under_way: Arc<Mutex<Option<UnderWay>>>,
    has_ended: bool,
}

// === impl LookUp ===

impl LookUp {
    /// The addresses of a host by its name. One that is an address needs no look-up.
    pub(crate) async fn host(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        match host.parse::<IpAddr>() {
            Ok(ip) => Ok(vec![(ip, port).into()]),
            Err(_) => {
                let name = (host.to_owned(), port);
                self.shared(Some(name.clone()), name).await
            }
        }
    }

    /// The addresses of anything that has some: the same at each question.
    pub(crate) async fn addresses(
        &self,
        asked: impl ToSocketAddrs + Send + 'static,
    ) -> io::Result<Vec<SocketAddr>> {
        self.shared(None, asked).await
    }

    async fn shared(
        &self,
        name: Name,
        asked: impl ToSocketAddrs + Send + 'static,
    ) -> io::Result<Vec<SocketAddr>> {
        let mut found = self.joined(name, asked)?;
        let found = found.wait_for(Option::is_some).await;
        match found.map_err(io::Error::other)?.as_ref() {
            Some(Ok(addresses)) => Ok(addresses.clone()),
            Some(Err((kind, text))) => Err(io::Error::new(*kind, text.clone())),
            None => Ok(Vec::new()),
        }
    }

    /// Joins who waits for this name already, or begins to look it up.
    fn joined(
        &self,
        name: Name,
        asked: impl ToSocketAddrs + Send + 'static,
    ) -> io::Result<watch::Receiver<Option<Found>>> {
        let mut under_way = lock(&self.under_way);
        if let Some(before) = &*under_way {
            // Nobody waits for one that hangs: all have given up.
            return match before.found.receiver_count() > 0 && before.name == name {
                true => Ok(before.found.subscribe()),
                false => Err(io::Error::other(
                    "the name was looked up before, and that still hangs",
                )),
            };
        }
        let (found, waits) = watch::channel(None);
        *under_way = Some(UnderWay { name, found });
        drop(under_way);
        let ends = Ends {
            under_way: Arc::clone(&self.under_way),
            has_ended: false,
        };
        on_a_thread(asked, move |found| ends.end(found))?;
        Ok(waits)
    }
}

fn lock(under_way: &Mutex<Option<UnderWay>>) -> MutexGuard<'_, Option<UnderWay>> {
    under_way.lock().unwrap_or_else(PoisonError::into_inner)
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

// === impl Ends ===

impl Ends {
    fn end(mut self, found: io::Result<Vec<SocketAddr>>) {
        self.has_ended = true;
        let found = found.map_err(|error| (error.kind(), error.to_string()));
        if let Some(under_way) = lock(&self.under_way).take() {
            under_way.found.send_replace(Some(found));
        }
    }
}

impl Drop for Ends {
    fn drop(&mut self) {
        if !self.has_ended {
            lock(&self.under_way).take();
        }
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
    const LONG: Duration = Duration::from_secs(20);

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
        while lock(&names.under_way).is_some() {
            thread::yield_now();
        }
        let again = names.addresses(SocketAddr::from(FOUND)).await;
        assert_eq!(again.unwrap(), [FOUND.into()]);
    }

    #[tokio::test]
    async fn whoever_asks_while_another_one_waits_gets_the_same_answer() {
        let names = LookUp::default();
        let (free, freed) = mpsc::channel::<()>();
        let first = names.addresses(Hangs(Mutex::new(freed)));
        // It would find nothing else.
        let second = names.addresses(SocketAddr::from(([0, 0, 0, 0], 1)));
        let other = async {
            let other = names.host("hooks.example.com", 443).await;
            drop(free);
            other
        };
        let all = async { tokio::join!(first, second, other) };
        let (first, second, other) = timeout(LONG, all).await.unwrap();
        assert_eq!(first.unwrap(), [FOUND.into()]);
        assert_eq!(second.unwrap(), [FOUND.into()]);
        assert!(other.is_err(), "it has another name");
    }

    #[tokio::test]
    async fn a_look_up_that_panics_fails_all_who_wait_and_no_later_one() {
        struct Panics(Mutex<mpsc::Receiver<()>>);
        impl ToSocketAddrs for Panics {
            type Iter = vec::IntoIter<SocketAddr>;
            fn to_socket_addrs(&self) -> io::Result<Self::Iter> {
                let _ = self.0.lock().unwrap().recv();
                std::panic::resume_unwind(Box::new("on purpose"))
            }
        }
        let names = LookUp::default();
        let (free, freed) = mpsc::channel::<()>();
        let first = names.addresses(Panics(Mutex::new(freed)));
        let second = async {
            let second = names.addresses(SocketAddr::from(FOUND));
            drop(free);
            second.await
        };
        let both = async { tokio::join!(first, second) };
        let (first, second) = timeout(LONG, both).await.unwrap();
        assert!(first.is_err());
        // It joined the first one, or came after it.
        assert!(second.is_err() || second.unwrap() == [FOUND.into()]);
        let later = timeout(LONG, names.addresses(SocketAddr::from(FOUND))).await;
        assert_eq!(later.unwrap().unwrap(), [FOUND.into()]);
    }
}

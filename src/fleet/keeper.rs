//! Keeps a lease that was taken, on a schedule and a connection of its own, whatever its holder is busy with.

use std::{
    fmt,
    sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError},
    thread,
    time::Duration,
};

use redis::Pipeline;
use tokio::time::Instant;

use super::{
    keys::{Keys, StartId},
    link::Link,
    link_error::LinkError,
};
use crate::report::delivery_queue::contained;

/// Renews the lease, if `ARGV[1]` holds it with the number `ARGV[2]`.
const RENEW: &str = r"
if redis.call('GET', KEYS[1]) ~= ARGV[1] or redis.call('GET', KEYS[2]) ~= ARGV[2] then
  return 0
end
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return 1
";

/// Renews a lease with a number for so long. `false` if it is lost.
type Renew = Box<dyn FnMut(u64, Duration) -> Result<bool, LinkError> + Send>;

/// Keeps a lease. Its thread begins with the first lease, and ends with this.
pub(super) struct Keeper {
    shared: Arc<Shared>,
    /// Taken by the thread.
    renew: Mutex<Option<Renew>>,
    /// Whether the thread has begun.
    begun: OnceLock<()>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    wake: Condvar,
}

#[derive(Debug, Default)]
struct State {
    kept: Option<Kept>,
    has_ended: bool,
}

/// A lease that is kept.
#[derive(Clone, Copy, Debug)]
struct Kept {
    fence: u64,
    length: Duration,
    /// Its holder must give a sign of life until then.
    until: Instant,
    /// When it is renewed next.
    next: Instant,
}

// === impl Keeper ===

impl Keeper {
    pub(super) fn new(mut link: Link, keys: Keys, holder: StartId) -> Self {
        Self::with(Box::new(move |fence, length| {
            let mut pipeline = Pipeline::new();
            let call = pipeline.cmd("EVAL").arg(RENEW).arg(2);
            call.arg(keys.lease())
                .arg(keys.fence())
                .arg(holder.to_string())
                .arg(fence.to_string())
                .arg(length.as_millis().to_string());
            let (renewed,): (bool,) = link.ask(&pipeline)?;
            Ok(renewed)
        }))
    }

    fn with(renew: Renew) -> Self {
        Self {
            shared: Arc::default(),
            renew: Mutex::new(Some(renew)),
            begun: OnceLock::new(),
        }
    }

    /// Keeps the lease with this number, which was taken or renewed now for `length`, for `time` from now on.
    pub(super) fn keep(&self, fence: u64, length: Duration, time: Duration) {
        self.begun.get_or_init(|| self.begin());
        let now = Instant::now();
        self.shared.state().kept = Some(Kept {
            fence,
            length,
            until: now + time,
            next: now + length / 3,
        });
        self.shared.wake.notify_one();
    }

    /// Keeps it no more. It runs out by itself.
    pub(super) fn let_go(&self) {
        self.shared.state().kept = None;
    }

    /// Without a thread, the lease is renewed by its holder alone.
    fn begin(&self) {
        let renew = self
            .renew
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let Some(mut renew) = renew else {
            return;
        };
        let shared = Arc::clone(&self.shared);
        let thread = thread::Builder::new().name("vitals-lease".to_owned());
        let _ = thread.spawn(move || {
            while let Some(due) = shared.next() {
                // One that panics is tried again.
                let renewed = contained(|| renew(due.fence, due.length));
                shared.renewed(due.fence, !matches!(renewed, Some(Ok(false))));
            }
        });
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.shared.state().has_ended = true;
        self.shared.wake.notify_one();
    }
}

impl fmt::Debug for Keeper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keeper").finish_non_exhaustive()
    }
}

// === impl Shared ===

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until a lease is to be renewed. `None` at the end.
    fn next(&self) -> Option<Kept> {
        let mut state = self.state();
        loop {
            if state.has_ended {
                return None;
            }
            let now = Instant::now();
            state.kept = state.kept.filter(|kept| now < kept.until);
            state = match state.kept {
                None => {
                    let woken = self.wake.wait(state);
                    woken.unwrap_or_else(PoisonError::into_inner)
                }
                Some(kept) if kept.next <= now => return Some(kept),
                Some(kept) => {
                    let waited = self.wake.wait_timeout(state, kept.next - now);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
    }

    /// Notes that a lease was renewed, or that it is lost.
    fn renewed(&self, fence: u64, is_there: bool) {
        let mut state = self.state();
        // It can be another one by now.
        if let Some(kept) = state.kept.as_mut().filter(|kept| kept.fence == fence) {
            match is_there {
                true => kept.next = Instant::now() + kept.length / 3,
                false => state.kept = None,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{self, Receiver};

    use super::*;

    const LONG: Duration = Duration::from_secs(20);
    const LENGTH: Duration = Duration::from_millis(15);

    /// A keeper that finds the lease as long as its number is below 9, and what it renewed.
    fn keeper() -> (Keeper, Receiver<u64>) {
        let (tell, told) = mpsc::channel();
        let keeper = Keeper::with(Box::new(move |fence, length| {
            assert_eq!(length, LENGTH);
            tell.send(fence).unwrap();
            Ok(fence < 9)
        }));
        (keeper, told)
    }

    fn until(keeper: &Keeper, holds: impl Fn(&State) -> bool) {
        let begin = Instant::now();
        while !holds(&keeper.shared.state()) {
            assert!(begin.elapsed() < LONG);
            thread::yield_now();
        }
    }

    #[test]
    fn a_lease_is_kept_whatever_its_holder_is_busy_with() {
        let (keeper, told) = keeper();
        keeper.keep(3, LENGTH, LONG * 9);
        for _ in 0..4 {
            assert_eq!(told.recv_timeout(LONG), Ok(3));
        }
        keeper.keep(4, LENGTH, LONG * 9);
        while told.recv_timeout(LONG).unwrap() != 4 {}
        keeper.let_go();
        until(&keeper, |state| state.kept.is_none());
        drop(keeper);
        while told.recv_timeout(LONG).is_ok() {}
        let ended = told.recv_timeout(LONG);
        assert_eq!(ended, Err(mpsc::RecvTimeoutError::Disconnected));
    }

    #[test]
    fn a_lease_whose_holder_gives_no_sign_of_life_is_let_go() {
        let (keeper, told) = keeper();
        keeper.keep(3, LENGTH, LENGTH * 2);
        until(&keeper, |state| state.kept.is_none());
        assert!(told.try_iter().all(|fence| fence == 3));
    }

    #[test]
    fn a_lease_that_somebody_else_has_is_not_kept() {
        let (keeper, told) = keeper();
        keeper.keep(9, LENGTH, LONG * 9);
        assert_eq!(told.recv_timeout(LONG), Ok(9));
        until(&keeper, |state| state.kept.is_none());
    }
}

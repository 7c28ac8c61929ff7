//! Keeps the memory of what was shared about a request that has ended, for the next request on the same thread.

use std::{cell::RefCell, sync::Arc, thread::LocalKey};

/// How much a thread keeps. With more requests in flight, the rest is allocated.
const MOST: usize = 16;

/// What a thread keeps. It is empty: it holds nothing of the request that it was made for.
#[derive(Debug)]
pub(super) struct Pool<T>(RefCell<Vec<Arc<T>>>);

// === impl Pool ===

impl<T> Pool<T> {
    pub(super) const fn new() -> Self {
        Self(RefCell::new(Vec::new()))
    }

    /// An empty value that nobody else has.
    #[inline]
    pub(super) fn take(pool: &'static LocalKey<Self>) -> Option<Arc<T>> {
        let take = |Self(kept): &Self| kept.borrow_mut().pop();
        let taken = pool.try_with(take).ok().flatten();
        // The owner that gave it back can be just dropping it.
        taken.filter(|shared| Arc::strong_count(shared) == 1)
    }

    /// Empties a value that its owner needs no more, and keeps it, unless somebody else still has it.
    #[inline]
    pub(super) fn give_back(
        pool: &'static LocalKey<Self>,
        shared: &mut Arc<T>,
        empty: impl FnOnce(&mut T),
    ) {
        // The count alone is cheaper to ask, and mostly enough to know that somebody has it.
        if Arc::strong_count(shared) > 1 {
            return;
        }
        let Some(value) = Arc::get_mut(shared) else {
            return;
        };
        // It may run code of the application, so nothing is borrowed.
        empty(value);
        let _ = pool.try_with(|Self(kept)| {
            let mut kept = kept.borrow_mut();
            if kept.len() < MOST {
                kept.push(Arc::clone(shared));
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    thread_local! {
        static POOL: Pool<String> = const { Pool::new() };
    }

    fn give_back(mut shared: Arc<String>) {
        Pool::give_back(&POOL, &mut shared, String::clear);
    }

    #[test]
    fn only_what_nobody_else_has_is_kept_and_it_is_empty() {
        let secret = || Arc::new("secret".to_owned());
        let held = secret();
        give_back(Arc::clone(&held));
        assert_eq!(*held, "secret");
        assert!(Pool::take(&POOL).is_none(), "somebody has it");
        let weak = Arc::downgrade(&held);
        give_back(held);
        assert!(Pool::take(&POOL).is_none(), "somebody could have it again");
        assert!(weak.upgrade().is_none());
        let place = {
            let shared = secret();
            let place = Arc::as_ptr(&shared);
            give_back(shared);
            place
        };
        let mut again = Pool::take(&POOL).unwrap();
        assert_eq!((Arc::as_ptr(&again), &**again), (place, ""));
        assert!(Arc::get_mut(&mut again).is_some());
        assert!(Pool::take(&POOL).is_none(), "nothing is given out twice");
        let mut dropped_late = secret();
        Pool::give_back(&POOL, &mut dropped_late, String::clear);
        assert!(Pool::take(&POOL).is_none(), "its owner still has it");
    }

    #[test]
    fn a_thread_keeps_little() {
        let many: Vec<_> = (0..2 * MOST).map(|_| Arc::new(String::new())).collect();
        many.into_iter().for_each(give_back);
        let kept = std::iter::from_fn(|| Pool::take(&POOL));
        assert_eq!(kept.count(), MOST);
    }
}

//! Keeps the names of routes for as long as the process lives, so that no request counts who uses its name.

use std::{
    cell::RefCell,
    collections::{HashMap, HashSet},
    hash::BuildHasherDefault,
    sync::{LazyLock, PoisonError, RwLock},
};

use crate::address_hash::AddressHasher;

/// The most names that are kept. An application with more has routes that come and go.
const MOST: usize = 4_096;

/// The longest name that is kept, in bytes. So all names take at most a mebibyte.
const LONGEST: usize = 256;

static ALL: LazyLock<RwLock<HashSet<&'static str>>> = LazyLock::new(RwLock::default);

/// The names that a thread has seen, by address and length of the text that asked.
type Seen = HashMap<(usize, usize), &'static str, BuildHasherDefault<AddressHasher>>;

thread_local! {
    static SEEN: RefCell<Seen> = RefCell::default();
}

/// The name of a route, kept. `None` if there are too many names, or this one is too long.
#[inline]
pub(crate) fn interned(name: &str) -> Option<&'static str> {
    let address = (name.as_ptr().addr(), name.len());
    let seen = SEEN.try_with(|seen| seen.borrow().get(&address).copied());
    match seen {
        // The address can have been that of another text before.
        Ok(Some(known)) if known == name => Some(known),
        Ok(_) => intern(name, address),
        Err(_) => None,
    }
}

#[cold]
fn intern(name: &str, address: (usize, usize)) -> Option<&'static str> {
    let known = {
        let all = ALL.read().unwrap_or_else(PoisonError::into_inner);
        match all.get(name) {
            None if all.len() >= MOST => return None,
            known => known.copied(),
        }
    };
    let add = || {
        let mut all = ALL.write().unwrap_or_else(PoisonError::into_inner);
        kept(&mut all, name)
    };
    let kept = known.or_else(add)?;
    SEEN.with_borrow_mut(|seen| {
        if seen.len() >= MOST {
            seen.clear();
        }
        seen.insert(address, kept);
    });
    Some(kept)
}

fn kept(all: &mut HashSet<&'static str>, name: &str) -> Option<&'static str> {
    if let Some(kept) = all.get(name) {
        return Some(kept);
    }
    if all.len() >= MOST || name.len() > LONGEST {
        return None;
    }
    let kept: &'static str = Box::leak(name.into());
    all.insert(kept);
    Some(kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_kept_once_wherever_it_comes_from() {
        let [one, other] = ["/orders/{id}", "/orders/{id}"].map(String::from);
        let kept = interned(&one).unwrap();
        assert_eq!(kept, one);
        assert!(std::ptr::eq(kept, interned(&other).unwrap()));
    }

    #[test]
    fn an_address_that_was_another_texts_before_is_not_taken_for_it() {
        let mut name = String::from("/interned/a");
        assert_eq!(interned(&name), Some("/interned/a"));
        name.replace_range(10.., "b");
        assert_eq!(interned(&name), Some("/interned/b"));
    }

    #[test]
    fn names_take_no_more_than_their_share() {
        let mut all = HashSet::new();
        assert_eq!(kept(&mut all, &"/".repeat(LONGEST + 1)), None);
        for n in 0..MOST {
            assert!(kept(&mut all, &format!("/bounded/{n}")).is_some());
        }
        assert_eq!(kept(&mut all, "/bounded/more"), None);
        assert_eq!(kept(&mut all, "/bounded/17"), Some("/bounded/17"));
    }
}

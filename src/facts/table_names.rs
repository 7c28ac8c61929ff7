//! Keeps the names of tables of a database for as long as the process lives, so that threads find their counters by an address.

use std::{
    collections::HashSet,
    sync::{LazyLock, PoisonError, RwLock},
};

/// The most names that are kept: as many as have counters of their own.
const MOST: usize = 256;

static ALL: LazyLock<RwLock<HashSet<&'static str>>> = LazyLock::new(RwLock::default);

/// The name, kept. `None` if there are too many.
pub(crate) fn kept(name: &str) -> Option<&'static str> {
    let known = ALL
        .read()
        .unwrap_or_else(PoisonError::into_inner)
        .get(name)
        .copied();
    known.or_else(|| {
        keep(
            &mut ALL.write().unwrap_or_else(PoisonError::into_inner),
            name,
        )
    })
}

fn keep(all: &mut HashSet<&'static str>, name: &str) -> Option<&'static str> {
    if let Some(kept) = all.get(name) {
        return Some(kept);
    }
    if all.len() >= MOST {
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
        let [one, other] = ["orders", "orders"].map(String::from);
        let kept_once = kept(&one).unwrap();
        assert!(std::ptr::eq(kept_once, kept(&other).unwrap()));
    }

    #[test]
    fn no_more_names_are_kept_than_have_counters() {
        let mut all = HashSet::new();
        for n in 0..MOST {
            assert!(keep(&mut all, &format!("t{n}")).is_some());
        }
        assert_eq!(keep(&mut all, "more"), None);
        assert_eq!(keep(&mut all, "t17"), Some("t17"));
    }
}

//! Remembers which gRPC methods the server has.

use std::{
    collections::HashSet,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicBool, Ordering},
    },
};

use crate::facts::grpc;

/// The gRPC methods that become labels.
///
/// A client can ask for any path. So a method is known only from descriptors, or once an answer has proved it.
#[derive(Debug)]
pub(crate) struct Methods {
    known: RwLock<HashSet<Arc<str>>>,
    /// How many methods the descriptors named. They do not count against the cap.
    described: usize,
    cap: usize,
    /// Whether the log has said that a method has no name.
    told: AtomicBool,
}

// === impl Methods ===

impl Methods {
    /// Knows the `described` methods, and remembers at most `cap` others.
    pub(super) fn new<'a>(cap: usize, described: impl Iterator<Item = &'a str>) -> Self {
        let known: HashSet<Arc<str>> = described.map(Arc::from).collect();
        Self {
            described: known.len(),
            known: RwLock::new(known),
            cap,
            told: AtomicBool::new(false),
        }
    }

    /// The method at `path`, if it is known. An answer that is `proven` makes it known.
    pub(crate) fn find(&self, path: &str, proven: bool) -> Option<Arc<str>> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(method) = known.get(path) {
            return Some(Arc::clone(method));
        }
        drop(known);
        if !proven || grpc::split(path).is_none() {
            return None;
        }
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(method) = known.get(path) {
            return Some(Arc::clone(method));
        }
        if known.len() - self.described >= self.cap {
            return None;
        }
        let method: Arc<str> = path.into();
        known.insert(Arc::clone(&method));
        Some(method)
    }

    /// Whether this failure of an unknown method is the first, and no descriptors name any method.
    pub(super) fn is_first_without_name(&self, status: &grpc::Status) -> bool {
        status.method.is_none()
            && status.is_failure()
            && self.described == 0
            && !self.told.swap(true, Ordering::Relaxed)
    }

    /// The most memory in bytes, with methods of 64 characters.
    pub(super) const fn memory_bound(&self) -> usize {
        // The text with its two counts, and a place in a table that is at least half full.
        (self.cap.saturating_add(self.described)).saturating_mul(64 + 16 + 2 * 17)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_method_is_known_once_it_was_proved() {
        let methods = Methods::new(2, ["/test.Described/Method"].into_iter());
        let path = "/test.Known/Method";
        assert_eq!(methods.find(path, false), None);
        assert_eq!(methods.find(path, true).as_deref(), Some(path));
        assert_eq!(methods.find(path, false).as_deref(), Some(path));
        assert_eq!(methods.find("/a", true), None, "no method at all");
        assert!(methods.find("/test.Described/Method", false).is_some());
        assert!(methods.find("/test.Second/Method", true).is_some());
        assert_eq!(methods.find("/test.Third/Method", true), None);
        assert!(methods.find(path, false).is_some(), "it stays for ever");
    }
}

//! Names what a query does, and reads it from a statement.

/// What a query does. The list is closed, so a statement makes no label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Operation(u8);

/// The operations that are told apart. The last one stands for all others.
const NAMES: [&str; 15] = [
    "SELECT", "INSERT", "UPDATE", "DELETE", "MERGE", "CALL", "COPY", "CREATE", "ALTER", "DROP",
    "TRUNCATE", "BEGIN", "COMMIT", "ROLLBACK", "other",
];

// === impl Operation ===

impl Operation {
    /// How many there are.
    pub(crate) const COUNT: usize = NAMES.len();

    /// The operation with this name, in upper or lower case.
    pub(crate) fn named(name: &str) -> Self {
        let found = NAMES
            .iter()
            .position(|known| known.eq_ignore_ascii_case(name));
        Self(found.unwrap_or(NAMES.len() - 1) as u8)
    }

    /// The operation with this index. Another index is another operation.
    pub(crate) fn at(index: u8) -> Self {
        Self(index.min(NAMES.len() as u8 - 1))
    }

    pub(crate) const fn index(self) -> u8 {
        self.0
    }

    pub(crate) fn as_str(self) -> &'static str {
        NAMES.get(usize::from(self.0)).copied().unwrap_or("other")
    }
}

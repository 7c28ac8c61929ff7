//! Makes the parts of the shop slow in turn.

use std::sync::atomic::{AtomicU8, Ordering::Relaxed};

/// What is wrong in a round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    Nothing,
    Search,
    Database,
    PaymentsSlow,
    Invoices,
    Rollup,
    PaymentsDown,
}

static NOW: AtomicU8 = AtomicU8::new(0);

// === impl Trouble ===

impl Trouble {
    /// In the order of the rounds. Then they begin again.
    const ALL: [Self; 7] = [
        Self::Nothing,
        Self::Search,
        Self::Database,
        Self::PaymentsSlow,
        Self::Invoices,
        Self::Rollup,
        Self::PaymentsDown,
    ];

    pub(crate) fn of_round(round: u64) -> Self {
        Self::at(round.saturating_sub(1) % Self::ALL.len() as u64)
    }

    pub(crate) fn now() -> Self {
        Self::at(NOW.load(Relaxed).into())
    }

    pub(crate) fn begin(self) {
        NOW.store(self as u8, Relaxed);
    }

    pub(crate) fn is_now(self) -> bool {
        Self::now() == self
    }

    /// For people.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Nothing => "nothing is slow",
            Self::Search => "the search is slow and fails",
            Self::Database => "the database is slow",
            Self::PaymentsSlow => "the payment service is slow",
            Self::Invoices => "a function is slow",
            Self::Rollup => "a job is slow",
            Self::PaymentsDown => "the payment service is down",
        }
    }

    fn at(index: u64) -> Self {
        let index = usize::try_from(index).unwrap_or_default();
        Self::ALL.get(index).copied().unwrap_or(Self::Nothing)
    }
}

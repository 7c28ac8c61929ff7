//! What instances tell each other of a deployment.

/// Who tells of a deployment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Teller {
    /// The application, as each of its instances does.
    Application,
    /// Somebody, to one instance for all.
    Person,
}

/// A deployment, as the others hear of it.
#[derive(Clone, Debug)]
#[cfg_attr(
    not(feature = "fleet"),
    expect(dead_code, reason = "there are no others")
)]
pub(super) struct Telling {
    pub(super) teller: Teller,
    pub(super) version: String,
    pub(super) environment: String,
    pub(super) by: String,
    pub(super) changes: String,
}

/// Whether others told of a deployment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// This instance is the first to tell of it. `is_news`: it is another one than the one that was recorded before.
    #[cfg(feature = "fleet")]
    First { is_news: bool },
    /// Another instance has told of it.
    #[cfg(feature = "fleet")]
    Known,
    /// Nobody knows what others told.
    Alone,
}

//! Says what the instances of a fleet share of their alerts. It knows no database.

use std::time::Duration;

use super::numbers::Numbers;

/// What instances share was not reached, or could not be read or written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unreached;

/// What came of it that an instance asked for the lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Held {
    /// The time of the fleet since 1970, which is the same for all instances.
    pub(crate) now: Duration,
    /// The number of the lease, if this instance holds it. Each holder has a greater one.
    pub(crate) fence: Option<u64>,
}

/// What is shared, as it was when an instance asked for the lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Begun {
    pub(crate) held: Held,
    /// What the last evaluator wrote.
    pub(crate) document: Option<String>,
    /// The silences by their number. `None` if nothing is known of any, such as after the loss of all data.
    pub(crate) silences: Option<Vec<(u64, String)>>,
    /// What instances noted by a name, as long as no document has it.
    pub(crate) notes: Vec<(String, String)>,
}

/// What the evaluator writes at once.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Written<'w> {
    pub(crate) document: &'w str,
    /// The names of the notes that the document has.
    pub(crate) noted: &'w [String],
    /// The silences that have ended.
    pub(crate) ended: &'w [u64],
}

/// What the instances of a fleet share. Each question has a time limit.
pub(crate) trait Shared: Send + Sync {
    /// Renews the lease or takes it, if nobody else holds it.
    fn hold(&self, length: Duration) -> Result<Held, Unreached>;

    /// The same, and reads all that is shared.
    fn begin(&self, length: Duration) -> Result<Begun, Unreached>;

    /// Writes what was evaluated. `false` if this instance does not hold the lease with this number any more: then nothing is written.
    fn write(&self, fence: u64, written: &Written<'_>) -> Result<bool, Unreached>;

    /// Adds silences that have a number, where nobody else has it.
    fn put_silences(&self, silences: &[(u64, String)]) -> Result<(), Unreached>;

    /// Adds silences, if nothing is known of any.
    fn restore_silences(&self, silences: &[(u64, String)]) -> Result<(), Unreached>;

    /// Adds a silence, and gives its number, which is greater than `above`.
    fn silence(&self, silence: &str, above: u64) -> Result<u64, Unreached>;

    /// Ends a silence. `false` if there is none with this number.
    fn end_silence(&self, id: u64) -> Result<bool, Unreached>;

    /// Notes something for who is in charge. The first note with a name counts.
    fn note(&self, name: &str, note: &str) -> Result<(), Unreached>;

    /// Gives the numbers of all instances together. They can be lost while they are read: then what they showed counts for nothing.
    fn numbers(&self, judge: &mut dyn FnMut(&dyn Numbers)) -> Result<(), Unreached>;
}

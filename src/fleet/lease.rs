//! Keeps who evaluates the alerts of all instances, and what they share of them: a lease with a number that grows, a document, silences
//! and notes.
//!
//! Each question is one script, so that nothing comes between what it looks at and what it writes. All times are those of Redis.

mod scripts;

use std::{
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use redis::{FromRedisValue, Pipeline, cmd};
use tokio::time::Instant;

use self::scripts::{BEGUN, HELD, HOLD, NOTE, PUT, SILENCE, WRITE};
use super::{
    keeper::Keeper,
    keys::{Keys, StartId},
    link::Link,
    link_error::LinkError,
};

/// How long what was evaluated last is kept: as long as the history of alerts, and a day more.
const KEPT: Duration = Duration::from_secs(8 * 24 * 60 * 60);

/// How long silences are kept: as long as the longest, and a day more.
const SILENCES_KEPT: Duration = Duration::from_secs(31 * 24 * 60 * 60);

/// The field with the last number among the silences.
const LAST: &str = "last";

/// How much longer than four lengths an evaluation for all may take. Longer than that, something hangs.
const LONGEST_EVALUATION: Duration = Duration::from_secs(30);

/// What the instances of a service share of their alerts.
pub(crate) struct Lease {
    link: Mutex<Link>,
    keys: Keys,
    holder: StartId,
    /// Numbers of silences from here on are not given by Redis.
    first_alone: u64,
    state: Mutex<State>,
    keeper: Keeper,
}

#[derive(Debug, Default)]
struct State {
    /// For how long it was taken last.
    length: Duration,
    /// Whether this start held it at the last answer.
    is_held: bool,
    /// Since it was given up.
    rests: Option<Rest>,
}

/// How long an instance does not take the lease that gave it up.
#[derive(Clone, Copy, Debug)]
enum Rest {
    Until(Instant),
    ForGood,
}

/// The time of Redis since 1970, and the number of the lease if this start holds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Holding {
    pub(crate) now: Duration,
    pub(crate) fence: Option<u64>,
}

/// All that is shared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) holding: Holding,
    pub(crate) document: Option<String>,
    /// By their number. `None` if nothing is known of any.
    pub(crate) silences: Option<Vec<(u64, String)>>,
    /// What instances noted for who is in charge, by name.
    pub(crate) notes: Vec<(String, String)>,
}

// === impl Lease ===

impl Lease {
    /// The lease is kept on another connection than all the rest is asked. `first_alone` is the first number of a silence that Redis does
    /// not give.
    pub(crate) fn new(
        [asks, keeps]: [Link; 2],
        keys: Keys,
        holder: StartId,
        first_alone: u64,
    ) -> Self {
        Self {
            link: Mutex::new(asks),
            keeper: Keeper::new(keeps, keys.clone(), holder),
            keys,
            holder,
            first_alone,
            state: Mutex::default(),
        }
    }

    /// Renews the lease for so long, or takes it if nobody holds it. It is kept for an interval from then on, however long whoever asked
    /// does something else.
    ///
    /// # Errors
    ///
    /// If Redis does not answer, or refuses. The same holds for all questions.
    pub(crate) fn hold(&self, length: Duration) -> Result<Holding, LinkError> {
        let held = self.ask_to_hold(self.allowed(length));
        self.keep(&held, |holding| *holding, interval(length));
        held
    }

    /// The same, and reads all that is shared. The lease is kept until something is written.
    pub(crate) fn begin(&self, length: Duration) -> Result<Found, LinkError> {
        let found = self.ask_to_begin(self.allowed(length));
        let longest = length * 4 + LONGEST_EVALUATION;
        self.keep(&found, |found| found.holding, longest);
        found
    }

    /// Whether this start held the lease at the last answer.
    pub(crate) fn is_held(&self) -> bool {
        self.state().is_held
    }

    /// Gives the lease up, so that another instance takes it at once. This one takes it no more, or, if it goes on, not for as long as it
    /// would have lasted.
    pub(crate) fn give_up(&self, goes_on: bool) -> Result<(), LinkError> {
        let was_held = {
            let mut state = self.state();
            let was_held = std::mem::take(&mut state.is_held);
            if !goes_on {
                state.rests = Some(Rest::ForGood);
            } else if was_held {
                state.rests = Some(Rest::Until(Instant::now() + state.length));
            }
            was_held
        };
        self.keeper.let_go();
        match was_held {
            true => self.ask_to_hold(Duration::ZERO).map(drop),
            false => Ok(()),
        }
    }

    fn ask_to_hold(&self, length: Duration) -> Result<Holding, LinkError> {
        let script = [HOLD, HELD].concat();
        let keys = [self.keys.lease(), self.keys.fence()];
        let (seconds, micros, fence): (u64, u32, u64) =
            self.run(&script, &keys, &self.holding(length))?;
        Ok(Holding::new(seconds, micros, fence))
    }

    fn ask_to_begin(&self, length: Duration) -> Result<Found, LinkError> {
        type Read = (
            u64,
            u32,
            u64,
            Option<String>,
            Vec<(String, String)>,
            Vec<(String, String)>,
        );
        let script = [HOLD, BEGUN].concat();
        let (seconds, micros, fence, document, silences, notes): Read =
            self.run(&script, &self.all_keys(), &self.holding(length))?;
        let is_known = silences.iter().any(|(field, _)| field == LAST);
        let silences = silences.into_iter();
        let silences = silences.filter_map(|(id, json)| Some((id.parse().ok()?, json)));
        Ok(Found {
            holding: Holding::new(seconds, micros, fence),
            document,
            silences: is_known.then(|| silences.collect()),
            notes,
        })
    }

    /// For how long the lease may be taken now: 0 while it is given up.
    fn allowed(&self, length: Duration) -> Duration {
        let mut state = self.state();
        state.length = length;
        if state.has_rested() {
            state.rests = None;
        }
        match state.rests {
            Some(_) => Duration::ZERO,
            None => length,
        }
    }

    /// Keeps the lease that was taken, for so long. One that was not taken is not kept.
    fn keep<T>(
        &self,
        asked: &Result<T, LinkError>,
        holding: impl Fn(&T) -> Holding,
        time: Duration,
    ) {
        let fence = asked.as_ref().ok().and_then(|asked| holding(asked).fence);
        let length = {
            let mut state = self.state();
            state.is_held = fence.is_some() && state.rests.is_none();
            state.is_held.then_some(state.length)
        };
        match fence.zip(length) {
            Some((fence, length)) => self.keeper.keep(fence, length, time),
            None => self.keeper.let_go(),
        }
    }

    /// Writes the document, and removes notes that it has and silences that have ended. `false` if another start has held the
    /// lease since, or if it was given up: then nothing is written.
    pub(crate) fn write(
        &self,
        fence: u64,
        document: &str,
        noted: &[String],
        ended: &[u64],
    ) -> Result<bool, LinkError> {
        let (length, rests) = {
            let state = self.state();
            (state.length, state.rests.is_some())
        };
        if rests {
            return Ok(false);
        }
        let mut arguments = vec![
            self.holder.to_string(),
            fence.to_string(),
            millis(KEPT),
            document.to_owned(),
            millis(length.max(Duration::from_millis(1))),
            noted.len().to_string(),
        ];
        arguments.extend(noted.iter().cloned());
        arguments.extend(ended.iter().map(u64::to_string));
        let written = self.run(WRITE, &self.all_keys(), &arguments);
        match written {
            Ok(true) => self.keeper.keep(fence, length, interval(length)),
            Ok(false) | Err(_) => self.keeper.let_go(),
        }
        written
    }

    /// Adds silences that have numbers. With `if_none_known`, only where nothing is known of any.
    pub(crate) fn put_silences(
        &self,
        silences: &[(u64, String)],
        if_none_known: bool,
    ) -> Result<(), LinkError> {
        let mut arguments = vec![
            u8::from(if_none_known).to_string(),
            millis(SILENCES_KEPT),
            self.first_alone.to_string(),
        ];
        for (id, json) in silences {
            arguments.extend([id.to_string(), json.clone()]);
        }
        let _: u8 = self.run(PUT, &[self.keys.silences()], &arguments)?;
        Ok(())
    }

    /// Adds a silence, and gives its number, which is greater than `above`.
    pub(crate) fn silence(&self, silence: &str, above: u64) -> Result<u64, LinkError> {
        let arguments = [above.to_string(), silence.to_owned(), millis(SILENCES_KEPT)];
        self.run(SILENCE, &[self.keys.silences()], &arguments)
    }

    /// Ends a silence. `false` if there is none with this number.
    pub(crate) fn end_silence(&self, id: u64) -> Result<bool, LinkError> {
        let mut command = cmd("HDEL");
        command.arg(self.keys.silences()).arg(id);
        self.ask(command)
    }

    /// Notes something for who is in charge. The first note of a name counts.
    pub(crate) fn note(&self, name: &str, note: &str) -> Result<(), LinkError> {
        let arguments = [name.to_owned(), note.to_owned(), millis(KEPT)];
        let _: u8 = self.run(NOTE, &[self.keys.notes()], &arguments)?;
        Ok(())
    }

    fn holding(&self, length: Duration) -> [String; 3] {
        [self.holder.to_string(), millis(length), millis(KEPT)]
    }

    fn all_keys(&self) -> [String; 5] {
        let keys = &self.keys;
        [
            keys.lease(),
            keys.fence(),
            keys.alerts(),
            keys.silences(),
            keys.notes(),
        ]
    }

    fn run<T: FromRedisValue>(
        &self,
        script: &str,
        keys: &[String],
        arguments: &[String],
    ) -> Result<T, LinkError> {
        let mut command = cmd("EVAL");
        command.arg(script).arg(keys.len()).arg(keys).arg(arguments);
        self.ask(command)
    }

    fn ask<T: FromRedisValue>(&self, command: redis::Cmd) -> Result<T, LinkError> {
        let mut pipeline = Pipeline::new();
        pipeline.add_command(command);
        let (answer,): (T,) = self.link().ask(&pipeline)?;
        Ok(answer)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn link(&self) -> MutexGuard<'_, Link> {
        self.link.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lease").finish_non_exhaustive()
    }
}

// === impl State ===

impl State {
    /// Whether it may be taken again.
    fn has_rested(&self) -> bool {
        matches!(self.rests, Some(Rest::Until(end)) if end <= Instant::now())
    }
}

// === impl Holding ===

impl Holding {
    fn new(seconds: u64, micros: u32, fence: u64) -> Self {
        Self {
            now: Duration::from_secs(seconds) + Duration::from_micros(micros.into()),
            fence: (fence > 0).then_some(fence),
        }
    }
}

/// About as long as it is between two evaluations.
fn interval(length: Duration) -> Duration {
    length * 4 / 3
}

fn millis(time: Duration) -> String {
    time.as_millis().to_string()
}

#[cfg(test)]
mod tests;

//! Keeps who evaluates the alerts of all instances, and what they share of them: a lease with a number that grows, a document, silences
//! and acknowledgements.
//!
//! Each question is one script, so that nothing comes between what it looks at and what it writes. All times are those of Redis.

use std::{
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use redis::{FromRedisValue, Pipeline, cmd};

use super::{
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

/// Renews the lease of `ARGV[1]` or takes it. Gives the time, and the number of the lease, which is 0 if somebody else holds it.
const HOLD: &str = r"
local time = redis.call('TIME')
local holder = redis.call('GET', KEYS[1])
local fence = 0
if holder == ARGV[1] then
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
  fence = redis.call('GET', KEYS[2]) or redis.call('INCR', KEYS[2])
elseif not holder then
  redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2])
  fence = redis.call('INCR', KEYS[2])
  redis.call('PEXPIRE', KEYS[2], ARGV[3])
end
";

const HELD: &str = "return {time[1], time[2], tonumber(fence)}";

const BEGUN: &str = r"
return {time[1], time[2], tonumber(fence), redis.call('GET', KEYS[3]),
  redis.call('HGETALL', KEYS[4]), redis.call('HGETALL', KEYS[5])}
";

/// Writes the document, if `ARGV[1]` holds the lease with the number `ARGV[2]`.
const WRITE: &str = r"
if redis.call('GET', KEYS[1]) ~= ARGV[1] or redis.call('GET', KEYS[2]) ~= ARGV[2] then
  return 0
end
redis.call('SET', KEYS[3], ARGV[4], 'PX', ARGV[3])
redis.call('PEXPIRE', KEYS[2], ARGV[3])
local seen = tonumber(ARGV[5])
for at = 6, 5 + seen do
  redis.call('HDEL', KEYS[5], ARGV[at])
end
for at = 6 + seen, #ARGV do
  redis.call('HDEL', KEYS[4], ARGV[at])
end
return 1
";

/// Adds silences with their numbers. If `ARGV[1]` is 1, only where nothing is known of any. Numbers from `ARGV[3]` on are not counted.
const PUT: &str = r"
local last = redis.call('HGET', KEYS[1], 'last')
if last and ARGV[1] == '1' then
  return 0
end
local most = tonumber(last or '0')
for at = 4, #ARGV, 2 do
  redis.call('HSETNX', KEYS[1], ARGV[at], ARGV[at + 1])
  local id = tonumber(ARGV[at])
  if id > most and id < tonumber(ARGV[3]) then
    most = id
  end
end
redis.call('HSET', KEYS[1], 'last', string.format('%d', most))
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1
";

/// Adds a silence under the next number above `ARGV[1]`.
const SILENCE: &str = r"
local last = math.max(tonumber(redis.call('HGET', KEYS[1], 'last') or '0'), tonumber(ARGV[1]))
local id = string.format('%d', last + 1)
redis.call('HSET', KEYS[1], 'last', id, id, ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return tonumber(id)
";

/// Notes that somebody has seen an alert. The first one counts.
const ACKNOWLEDGE: &str = r"
redis.call('HSETNX', KEYS[1], ARGV[1], ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return 1
";

/// What the instances of a service share of their alerts.
pub(crate) struct Lease {
    link: Mutex<Link>,
    keys: Keys,
    holder: StartId,
    /// Numbers of silences from here on are not given by Redis.
    first_alone: u64,
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
    /// By fingerprint.
    pub(crate) acknowledged: Vec<(String, String)>,
}

// === impl Lease ===

impl Lease {
    /// `first_alone` is the first number of a silence that Redis does not give.
    pub(crate) const fn new(link: Link, keys: Keys, holder: StartId, first_alone: u64) -> Self {
        Self {
            link: Mutex::new(link),
            keys,
            holder,
            first_alone,
        }
    }

    /// Renews the lease for so long, or takes it if nobody holds it.
    ///
    /// # Errors
    ///
    /// If Redis does not answer, or refuses. The same holds for all questions.
    pub(crate) fn hold(&self, length: Duration) -> Result<Holding, LinkError> {
        let script = [HOLD, HELD].concat();
        let keys = [self.keys.lease(), self.keys.fence()];
        let (seconds, micros, fence): (u64, u32, u64) =
            self.run(&script, &keys, &self.holding(length))?;
        Ok(Holding::new(seconds, micros, fence))
    }

    /// The same, and reads all that is shared.
    pub(crate) fn begin(&self, length: Duration) -> Result<Found, LinkError> {
        type Read = (
            u64,
            u32,
            u64,
            Option<String>,
            Vec<(String, String)>,
            Vec<(String, String)>,
        );
        let script = [HOLD, BEGUN].concat();
        let (seconds, micros, fence, document, silences, acknowledged): Read =
            self.run(&script, &self.all_keys(), &self.holding(length))?;
        let is_known = silences.iter().any(|(field, _)| field == LAST);
        let silences = silences.into_iter();
        let silences = silences.filter_map(|(id, json)| Some((id.parse().ok()?, json)));
        Ok(Found {
            holding: Holding::new(seconds, micros, fence),
            document,
            silences: is_known.then(|| silences.collect()),
            acknowledged,
        })
    }

    /// Writes the document, and removes acknowledgements that it has and silences that have ended. `false` if this start does not hold
    /// the lease with this number any more: then nothing is written.
    pub(crate) fn write(
        &self,
        fence: u64,
        document: &str,
        acknowledged: &[String],
        ended: &[u64],
    ) -> Result<bool, LinkError> {
        let mut arguments = vec![
            self.holder.to_string(),
            fence.to_string(),
            millis(KEPT),
            document.to_owned(),
            acknowledged.len().to_string(),
        ];
        arguments.extend(acknowledged.iter().cloned());
        arguments.extend(ended.iter().map(u64::to_string));
        self.run(WRITE, &self.all_keys(), &arguments)
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

    /// Notes that somebody has seen an alert, unless somebody else has.
    pub(crate) fn acknowledge(&self, fingerprint: &str, seen: &str) -> Result<(), LinkError> {
        let arguments = [fingerprint.to_owned(), seen.to_owned(), millis(KEPT)];
        let _: u8 = self.run(ACKNOWLEDGE, &[self.keys.acknowledged()], &arguments)?;
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
            keys.acknowledged(),
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

    fn link(&self) -> MutexGuard<'_, Link> {
        self.link.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lease").finish_non_exhaustive()
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

fn millis(time: Duration) -> String {
    time.as_millis().to_string()
}

#[cfg(test)]
mod tests;

//! Forgets starts that ended long ago, on the server, once a minute for all instances.

use redis::Pipeline;

use super::keys::Keys;

/// For how long nobody else forgets, in milliseconds. It is less than the minute after which the next one does.
const TURN: u64 = 50_000;

/// The most that are forgotten at a time.
pub(super) const MOST: usize = 1_000;

/// Forgets the starts whose last sign of life is too old, or later than it can be: the clock of Redis went back. One that has none, because
/// it was evicted, begins to age.
pub(super) const SCRIPT: &str = r"
if not redis.call('SET', KEYS[3], ARGV[1], 'NX', 'PX', ARGV[4]) then return 0 end
local function forget(from, to)
  for _, start in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], from, to, 'LIMIT', 0, ARGV[5])) do
    redis.call('HDEL', KEYS[1], start)
    redis.call('ZREM', KEYS[2], start)
  end
end
forget('-inf', ARGV[2])
forget('(' .. ARGV[3], '+inf')
local all = redis.call('HGETALL', KEYS[1])
if #all / 2 > #redis.call('ZRANGE', KEYS[2], 0, -1) then
  for place = 1, #all, 2 do
    redis.call('ZADD', KEYS[2], 'NX', ARGV[1], all[place])
  end
end
return 1
";

/// Forgets what gave no sign of life for so long, in milliseconds as all times, if it is the turn of this instance.
pub(super) fn forget(pipeline: &mut Pipeline, keys: &Keys, now: u64, kept: u64) {
    let call = pipeline.cmd("EVAL").arg(SCRIPT).arg(3);
    call.arg(keys.instances()).arg(keys.seen()).arg(keys.turn());
    call.arg(now)
        .arg(now.saturating_sub(kept))
        .arg(now.saturating_add(kept))
        .arg(TURN)
        .arg(MOST)
        .ignore();
}

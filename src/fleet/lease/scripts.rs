//! The scripts by which alerts are shared. All times are those of Redis.

/// Renews the lease of `ARGV[1]` or takes it. With a length of 0 it is given up, and not taken. Gives the time, and the number of the
/// lease, which is 0 if this start does not hold it.
pub(super) const HOLD: &str = r"
local time = redis.call('TIME')
local holder = redis.call('GET', KEYS[1])
local fence = 0
if holder == ARGV[1] and ARGV[2] == '0' then
  redis.call('DEL', KEYS[1])
elseif holder == ARGV[1] then
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
  fence = redis.call('GET', KEYS[2]) or redis.call('INCR', KEYS[2])
elseif not holder and ARGV[2] ~= '0' then
  redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2])
  fence = redis.call('INCR', KEYS[2])
  redis.call('PEXPIRE', KEYS[2], ARGV[3])
end
";

pub(super) const HELD: &str = "return {time[1], time[2], tonumber(fence)}";

pub(super) const BEGUN: &str = r"
return {time[1], time[2], tonumber(fence), redis.call('GET', KEYS[3]),
  redis.call('HGETALL', KEYS[4]), redis.call('HGETALL', KEYS[5])}
";

/// Writes the document, if `ARGV[1]` holds the lease with the number `ARGV[2]`, or if it held it last: who was too slow to keep it is in
/// charge, where nobody else has taken it.
pub(super) const WRITE: &str = r"
local holder = redis.call('GET', KEYS[1])
if (holder and holder ~= ARGV[1]) or redis.call('GET', KEYS[2]) ~= ARGV[2] then
  return 0
end
if not holder then
  redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[5])
end
redis.call('SET', KEYS[3], ARGV[4], 'PX', ARGV[3])
redis.call('PEXPIRE', KEYS[2], ARGV[3])
local noted = tonumber(ARGV[6])
for at = 7, 6 + noted do
  redis.call('HDEL', KEYS[5], ARGV[at])
end
for at = 7 + noted, #ARGV do
  redis.call('HDEL', KEYS[4], ARGV[at])
end
return 1
";

/// Adds silences with their numbers. If `ARGV[1]` is 1, only where nothing is known of any. Numbers from `ARGV[3]` on are not counted.
pub(super) const PUT: &str = r"
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
pub(super) const SILENCE: &str = r"
local last = math.max(tonumber(redis.call('HGET', KEYS[1], 'last') or '0'), tonumber(ARGV[1]))
local id = string.format('%d', last + 1)
redis.call('HSET', KEYS[1], 'last', id, id, ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return tonumber(id)
";

/// Notes something for who is in charge. The first note of a name counts.
pub(super) const NOTE: &str = r"
redis.call('HSETNX', KEYS[1], ARGV[1], ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return 1
";

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

#[cfg(test)]
mod tests {
    use redis::Value;

    use super::*;
    use crate::fleet::real_redis::RealRedis;

    #[test]
    #[ignore = "needs redis-server"]
    fn redis_forgets_what_is_old_and_what_lies_ahead_once_a_minute() {
        let redis = RealRedis::start();
        let keys = Keys::new("shop", "test");
        let (instances, seen) = (keys.instances(), keys.seen());
        let add = |start: &str, at: Option<u64>| {
            redis.answer(&["HSET", &instances, start, "{}"]).unwrap();
            if let Some(at) = at {
                redis
                    .answer(&["ZADD", &seen, &at.to_string(), start])
                    .unwrap();
            }
        };
        let now = 1_700_000_000_000;
        let run = || {
            let mut pipeline = Pipeline::new();
            forget(&mut pipeline, &keys, now, 1_000);
            redis.link().ask::<Vec<Value>>(&pipeline).unwrap();
        };
        let score = |start: &str| -> Option<u64> {
            redis::from_redis_value(redis.answer(&["ZSCORE", &seen, start]).unwrap()).unwrap()
        };
        for (start, at) in [
            ("old", Some(now - 1_000)),
            ("live", Some(now - 999)),
            ("soon", Some(now + 1_000)),
            ("ahead", Some(now + 1_001)),
            ("unseen", None),
        ] {
            add(start, at);
        }
        run();
        let known: Vec<String> =
            redis::from_redis_value(redis.answer(&["HVALS", &instances]).unwrap()).unwrap();
        assert_eq!(known.len(), 3);
        let scores = ["old", "live", "soon", "ahead", "unseen"].map(score);
        assert_eq!(
            scores,
            [None, Some(now - 999), Some(now + 1_000), None, Some(now)]
        );
        add("old", Some(now - 1_000));
        run();
        assert!(score("old").is_some(), "it was done in this minute");
    }
}

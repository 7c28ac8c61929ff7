-- Puts the counts of several starts in the place of these, all at once, unless somebody else has done so.
if (redis.call('HGET', KEYS[3], 'at') or '') ~= ARGV[1] then return 0 end
local members = tonumber(ARGV[6])
for place = 7, 6 + members do
  if not redis.call('ZSCORE', KEYS[2], ARGV[place]) then return 0 end
end
local place = 7 + members
for hash = 3, 5 do
  local last = place + tonumber(ARGV[place])
  redis.call('DEL', KEYS[hash])
  for field = place + 1, last, 2 do redis.call('HSET', KEYS[hash], ARGV[field], ARGV[field + 1]) end
  redis.call('PEXPIRE', KEYS[hash], ARGV[2])
  place = last + 1
end
redis.call('HSET', KEYS[1], ARGV[3], ARGV[4])
redis.call('ZADD', KEYS[2], ARGV[5], ARGV[3])
for place = 7, 6 + members do
  redis.call('HDEL', KEYS[1], ARGV[place])
  redis.call('ZREM', KEYS[2], ARGV[place])
end
return 1

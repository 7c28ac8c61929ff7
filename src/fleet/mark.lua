-- Notes a deployment, once for all instances. Returns what became of it, and whether people were not told of it yet.
local now = redis.call('TIME')
local now_ms = now[1] * 1000 + math.floor(now[2] / 1000)
local kind, start, id, version, environment, by, changes = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6], ARGV[7]
local at = now_ms - tonumber(ARGV[8])
local live, is_own, most, lasts, token = tonumber(ARGV[9]), ARGV[10] == '1', tonumber(ARGV[11]), ARGV[12], ARGV[13]

local function mark(place)
  local text = redis.call('LINDEX', KEYS[1], place)
  return text and cjson.decode(text)
end

-- What became of this note, if it was made already and its answer was lost.
local function noted_before()
  for place = -1, -most, -1 do
    local one = mark(place)
    if not one then return nil end
    if one.token == token then return { 'marked', one.news or 0 } end
    if one.told and one.told[start] == token then return { 'known', 0 } end
  end
end

-- Whether this version ran before the last mark, here or elsewhere: then a process only started again. What began later elsewhere is part
-- of the same deployment. Under the name of this instance, the one that began last is the one that this one follows.
local function runs(last)
  local before, latest
  local all = redis.call('HGETALL', KEYS[2])
  for place = 1, #all, 2 do
    if all[place] ~= start then
      local read, one = pcall(cjson.decode, all[place + 1])
      if read and type(one) == 'table' then
        local seen = redis.call('ZSCORE', KEYS[3], all[place])
        local began = tonumber(one.began) or 0
        local is_old = began < last.at_ms
        if is_old and one.version == version and not one.ended and seen and now_ms - seen < live then return true end
        if one.id == id and (not latest or began > latest) then before, latest = one.version, began end
      end
    end
  end
  return before == version
end

-- Whether the deployment that was recorded last was another one.
local function is_news()
  for place = -1, -most, -1 do
    local one = mark(place)
    if not one then return 1 end
    if one.kind == 'recorded' then return (one.version ~= version or one.environment ~= environment) and 1 or 0 end
  end
  return 1
end

local function push(as, news)
  local told = {}
  if as == 'recorded' then told[start] = token end
  local one = {
    kind = as, version = version, environment = environment, by = by, changes = changes, at_ms = at, told = told,
    token = token, news = news,
  }
  redis.call('RPUSH', KEYS[1], cjson.encode(one))
  redis.call('LTRIM', KEYS[1], -most, -1)
  redis.call('PEXPIRE', KEYS[1], lasts)
end

local before = noted_before()
if before then return before end
local last = mark(-1)
if kind == 'start' then
  if not last then
    push('first', 0)
    return { 'first', 0 }
  end
  if last.version == version or runs(last) then return { 'known', 0 } end
  push('start', 1)
  return { 'marked', 1 }
end

local is_same = last and last.version == version and (last.environment == environment or last.kind == 'start')
if is_same and last.kind == 'start' then
  local news = is_news()
  last.kind, last.environment, last.by, last.changes, last.told = 'recorded', environment, by, changes, { [start] = token }
  last.token, last.news = token, news
  redis.call('LSET', KEYS[1], -1, cjson.encode(last))
  return { 'marked', news }
end
if kind == 'process' and last then
  local told = is_same and last.told or {}
  if is_same and last.kind == 'recorded' and not told[start] then
    last.told[start] = token
    redis.call('LSET', KEYS[1], -1, cjson.encode(last))
    return { 'known', 0 }
  end
  if is_own and not is_same and last.version ~= version and runs(last) then return { 'known', 0 } end
end
local news = is_news()
push('recorded', news)
return { 'marked', news }

-- subscribe: changes to which topics a user's sessions belong, and tells where the sessions are, so that their nodes can be told.
--
-- KEYS: memberships, registry
-- ARGV: add or remove (1 0), narrowing, most that the user may have, topics, each followed by a space
-- Returns {too many, how many changed, how many there are now, {sessionId, entry, …}}

local memberships, registry, adds, narrowing, max = KEYS[1], KEYS[2], ARGV[1] == '1', ARGV[2], tonumber(ARGV[3])

local function total()
  return redis.call('HLEN', memberships) - redis.call('HEXISTS', memberships, 'version')
end

local wanted, seen = {}, {}
for topic in string.gmatch(ARGV[4], '%S+') do
  local field = narrowing .. ' ' .. topic
  if not seen[field] and (redis.call('HEXISTS', memberships, field) == 0) == adds then
    seen[field] = true
    wanted[#wanted + 1] = field
  end
end
-- Told again all the same: it may be the retry of a call whose answer, and hints, were lost.
if #wanted == 0 then return {0, 0, total(), redis.call('HGETALL', registry)} end
if adds and total() + #wanted > max then return {1, 0, total(), {}} end
for _, field in ipairs(wanted) do
  if adds then redis.call('HSET', memberships, field, '1') else redis.call('HDEL', memberships, field) end
end

-- Larger than any before, also after Redis lost the last one: sessions compare it with theirs.
local time = redis.call('TIME')
local version = tonumber(time[1]) * 1000000 + tonumber(time[2])
local previous = tonumber(redis.call('HGET', memberships, 'version')) or 0
redis.call('HSET', memberships, 'version', string.format('%.0f', math.max(version, previous + 1)))
-- Of no topics only the version is left, until all sessions have seen it.
if total() == 0 then redis.call('PEXPIRE', memberships, 86400000) else redis.call('PERSIST', memberships) end
return {0, #wanted, total(), redis.call('HGETALL', registry)}

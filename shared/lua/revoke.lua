-- revoke: remembers that a user's tokens, or one of them, count no more, and tells which sessions the user has.
--
-- KEYS: registry, revoked
-- ARGV: token id, or "" for all that were issued until now; reason; how long tokens can last, ms
-- Returns {until when it is remembered, {sessionId, entry, …}}

-- include: time.lua

local registry, revoked = KEYS[1], KEYS[2]
local token_id, reason, lifetime_ms = ARGV[1], ARGV[2], tonumber(ARGV[3])
local now = now_ms()

-- What has expired by itself need not be remembered.
local fields = redis.call('HGETALL', revoked)
for i = 1, #fields, 2 do
  local forget_at = tonumber(string.match(fields[i + 1], '^(%d+) '))
  if fields[i] ~= 'all' and (not forget_at or forget_at <= now) then redis.call('HDEL', revoked, fields[i]) end
end
local function ms(time) return string.format('%.0f', time) end
if token_id == '' then
  redis.call('HSET', revoked, 'all', ms(now) .. ' ' .. reason)
else
  redis.call('HSET', revoked, 'id ' .. token_id, ms(now + lifetime_ms) .. ' ' .. reason)
end
redis.call('PEXPIRE', revoked, lifetime_ms)
return {now + lifetime_ms, redis.call('HGETALL', registry)}

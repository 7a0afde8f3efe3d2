-- refresh: writes a live session's entry again and tells the inbox's last id. Entries that nobody refreshed in time go.
--
-- KEYS: registry, inbox
-- ARGV: sessionId, entry, ttl ms, mode
-- Returns {replaced, position}

-- include: entries.lua

local registry, inbox = KEYS[1], KEYS[2]
local session_id, entry, ttl_ms, mode = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local own, now = cjson.decode(entry), now_ms()

local fields = redis.call('HGETALL', registry)
for i = 1, #fields, 2 do
  local ok, other = pcall(cjson.decode, fields[i + 1])
  if not ok or other['until'] <= now then
    redis.call('HDEL', registry, fields[i])
  elseif mode == 'replace' and other.key == own.key and fields[i] ~= session_id and other.since > own.since then
    return {1, '0-0'}
  end
end
redis.call('HSET', registry, session_id, entry)
redis.call('PEXPIRE', registry, ttl_ms)
return {0, last_id(inbox)}

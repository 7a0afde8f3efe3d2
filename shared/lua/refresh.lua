-- refresh: writes a live session's entry again and tells the inbox's last id. Entries that nobody refreshed in time go.
--
-- KEYS: registry, inbox
-- ARGV: sessionId, entry, ttl ms, mode
-- Returns {replaced, position}

-- include: entries.lua
-- include: registry.lua

local registry, inbox = KEYS[1], KEYS[2]
local session_id, entry, ttl_ms, mode = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local own, now = cjson.decode(entry), now_ms()

-- Two sessions of one millisecond: the id decides, so that exactly one of them stays.
local function is_newer(other_id, other)
  return other.since > own.since or (other.since == own.since and other_id > session_id)
end

local fields = redis.call('HGETALL', registry)
for i = 1, #fields, 2 do
  local other_id, other = fields[i], decode_entry(fields[i + 1])
  if not other or other['until'] <= now then
    redis.call('HDEL', registry, other_id)
  elseif mode == 'replace' and other_id ~= session_id and other.key == own.key and is_newer(other_id, other) then
    return {1, '0-0'}
  end
end
redis.call('HSET', registry, session_id, entry)
redis.call('PEXPIRE', registry, ttl_ms)
return {0, last_id(inbox)}

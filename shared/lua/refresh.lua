-- refresh: writes a live session's entry again and tells the inbox's last id. Entries that nobody refreshed in time go.
--
-- KEYS: registry, inbox
-- ARGV: sessionId, entry, ttl ms, mode
-- Returns {replaced, position}

-- include: entries.lua
-- include: registry.lua

local registry, inbox = KEYS[1], KEYS[2]
local session_id, entry, ttl_ms, mode = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local own = cjson.decode(entry)

-- Two sessions of one millisecond: the id decides, so that exactly one of them stays.
local function is_newer(other_id, other)
  return other.since > own.since or (other.since == own.since and other_id > session_id)
end

-- true: a newer session of the same key is there, and this one has to go.
local function look_at_others(now)
  local fields = redis.call('HGETALL', registry)
  for i = 1, #fields, 2 do
    local other_id, other = fields[i], decode_entry(fields[i + 1])
    if not other or other['until'] <= now then
      redis.call('HDEL', registry, other_id)
    elseif mode == 'replace' and other_id ~= session_id and other.key == own.key and is_newer(other_id, other) then
      return true
    end
  end
  return false
end

-- Entries that nobody refreshed are looked for by one in so many refreshes as there are entries: so a refresh costs the same, however many.
local now = now_ms()
local is_turn = now % math.max(redis.call('HLEN', registry), 1) == 0
if (mode == 'replace' or is_turn) and look_at_others(now) then return {1, '0-0'} end
redis.call('HSET', registry, session_id, entry)
redis.call('PEXPIRE', registry, ttl_ms)
return {0, last_id(inbox)}

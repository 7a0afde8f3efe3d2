-- dismiss: orders the end of a user's sessions, so that a node that cannot be reached now does it later, and tells which there are.
--
-- KEYS: registry, close
-- ARGV: sessionId or "", narrowing (* pc pc:home), code, reason, ttl ms
-- Returns {sessionId, entry, …} of the user's sessions

-- include: time.lua
-- include: registry.lua

local registry, close = KEYS[1], KEYS[2]
local session_id, narrowing, code, reason, ttl_ms = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local entries = redis.call('HGETALL', registry)
local order = string.format('%.0f %s %s %s', now_ms(), code, narrowing, reason)

local function is_meant(entry)
  return narrowing == '*' or narrowing == string.match(entry.key, '^[^:]*') or narrowing == string.match(entry.key, '^[^:]*:[^:]*')
end

if session_id ~= '' then
  local json = redis.call('HGET', registry, session_id)
  local entry = json and decode_entry(json)
  -- Whether one that is not there is meant, its refresh knows.
  if not entry or is_meant(entry) then redis.call('HSET', close, session_id, order) end
else
  redis.call('HSET', close, narrowing, order) -- for those whose entry is gone because their node seemed dead
  for i = 1, #entries, 2 do
    local entry = decode_entry(entries[i + 1])
    if entry and is_meant(entry) then redis.call('HSET', close, entries[i], order) end
  end
end
redis.call('PEXPIRE', close, ttl_ms)
return entries

-- event_close: a session has ended. Told once, and only of one that was told to be there.
--
-- KEYS: events, online, leaving, told sessions of this node and boot
-- ARGV: entries that the stream keeps, offline_delay ms, sessionId, type (closed replaced), nodeId, close code, by whom (both may be "")
-- Returns 1 if it was told, else 0

-- include: time.lua
-- include: events.lua

local sessions, session_id, type, node_id, code, by = KEYS[4], ARGV[3], ARGV[4], ARGV[5], ARGV[6], ARGV[7]

local key = redis.call('HGET', sessions, session_id)
if not key then return 0 end
redis.call('HDEL', sessions, session_id)
local how = {}
for name, value in pairs({code = code, by = by}) do
  if value ~= '' then
    how[#how + 1] = name
    how[#how + 1] = value
  end
end
tell_session(type, session_id, key, node_id, unpack(how))
leave(user_of(key))
return 1

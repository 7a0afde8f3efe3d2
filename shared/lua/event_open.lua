-- event_open: a session is there. Told once, however often it is said.
--
-- KEYS: events, online, leaving, told nodes, told sessions of this node and boot
-- ARGV: entries that the stream keeps, offline_delay ms, sessionId, key, nodeId, boot
-- Returns 1 if it was told, else 0

-- include: time.lua
-- include: events.lua

local nodes, sessions = KEYS[4], KEYS[5]
local session_id, key, node_id, boot = ARGV[3], ARGV[4], ARGV[5], ARGV[6]

-- First: whoever looks for sessions of dead nodes must find this one.
redis.call('SADD', nodes, node_id .. ' ' .. boot)
if redis.call('HSETNX', sessions, session_id, key) == 0 then return 0 end
tell_session('opened', session_id, key, node_id)
enter(user_of(key))
return 1

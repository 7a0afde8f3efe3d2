-- Included, after time.lua, by the scripts that tell events. They all have these keys and arguments first, in one slot of a cluster:
--
-- KEYS: events, online, leaving
-- ARGV: entries that the stream keeps (0: nobody wants to be told), offline_delay ms

local events, online, leaving = KEYS[1], KEYS[2], KEYS[3]
local events_max, offline_delay_ms = ARGV[1], tonumber(ARGV[2])

local now = now_ms()

local function tell(type, user_id, ...)
  if events_max == '0' then return end
  redis.call('XADD', events, 'MAXLEN', '~', events_max, '*', 'type', type, 'time', now, 'userId', user_id, ...)
end

local function user_of(key)
  return string.match(key, '[^:]*$')
end

local function tell_session(type, session_id, key, node_id, ...)
  local server_client, page = string.match(key, '^([^:]*):([^:]*):')
  tell(type, user_of(key), 'sessionId', session_id, 'key', key, 'serverClient', server_client, 'page', page, 'node', node_id, ...)
end

-- A user is online from the first session on until nobody came back for the delay after the last one.
local function enter(user_id)
  local count = redis.call('HINCRBY', online, user_id, 1)
  if count == 1 and redis.call('ZREM', leaving, user_id) == 0 then tell('online', user_id) end
end

local function leave(user_id)
  if redis.call('HINCRBY', online, user_id, -1) > 0 then return end
  redis.call('HSET', online, user_id, 0)
  redis.call('ZADD', leaving, now + offline_delay_ms, user_id)
end

-- Included after events.lua by the scripts that tell who is in a group:
--
-- KEYS: events, online, leaving, attendance, attendees, attending, parting
-- ARGV: entries that the stream keeps, offline_delay ms, entries that attendance keeps, grace ms
--
-- A pair is "<group>\n<userId>"; neither has a line feed.

local attendance, attendees, attending, parting = KEYS[4], KEYS[5], KEYS[6], KEYS[7]
local attendance_max, grace_ms = ARGV[3], tonumber(ARGV[4])

local function count_users(group)
  return redis.call('ZLEXCOUNT', attendees, '[' .. group .. '\n', '(' .. group .. '\11')
end

local function tell_group(type, group, user_id)
  redis.call('XADD', attendance, 'MAXLEN', '~', attendance_max, '*', 'type', type, 'group', group, 'userId', user_id, 'count', count_users(group))
  local server_client, page = string.match(group, '^([^:]*):([^:]*)$')
  if page then
    tell(type, user_id, 'serverClient', server_client, 'page', page)
  else
    tell(type, user_id, 'topic', group)
  end
end

-- A user is in a group from the first session on until none came back for the grace after the last one.
local function attend(group, user_id)
  local pair = group .. '\n' .. user_id
  if redis.call('HINCRBY', attending, pair, 1) > 1 or redis.call('ZREM', parting, pair) == 1 then return end
  if redis.call('ZADD', attendees, 0, pair) == 1 then tell_group('joined', group, user_id) end
end

local function part(group, user_id)
  local pair = group .. '\n' .. user_id
  if redis.call('HINCRBY', attending, pair, -1) > 0 then return end
  redis.call('HDEL', attending, pair)
  redis.call('ZADD', parting, now + grace_ms, pair)
end

-- attend: a session is in groups, or is not any more. Told once of a user, however often it is said of sessions.
--
-- KEYS: as attendance.lua, told nodes, attended groups of this node and boot
-- ARGV: as attendance.lua, whether it is in them (1 0), sessionId, userId, nodeId, boot, groups, between line feeds
-- Returns how many of that are news

-- include: time.lua
-- include: events.lua
-- include: attendance.lua

local nodes, attended, is_in, session_id, user_id = KEYS[8], KEYS[9], ARGV[5] == '1', ARGV[6], ARGV[7]

-- First: whoever looks for sessions of dead nodes must find this one.
if is_in then redis.call('SADD', nodes, ARGV[8] .. ' ' .. ARGV[9]) end
local news = 0
for group in string.gmatch(ARGV[10], '[^\n]+') do
  local place = session_id .. ' ' .. group
  if is_in and redis.call('HSETNX', attended, place, user_id) == 1 then
    attend(group, user_id)
    news = news + 1
  elseif not is_in and redis.call('HDEL', attended, place) == 1 then
    part(group, user_id)
    news = news + 1
  end
end
return news

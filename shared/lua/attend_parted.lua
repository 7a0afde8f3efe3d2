-- attend_parted: tells of users who have had no session in a group for the grace.
--
-- KEYS: as attendance.lua
-- ARGV: as attendance.lua, most to tell of
-- Returns how many were told

-- include: time.lua
-- include: events.lua
-- include: attendance.lua

local pairs_due = redis.call('ZRANGEBYSCORE', parting, '-inf', now, 'LIMIT', 0, ARGV[5])
for _, pair in ipairs(pairs_due) do
  redis.call('ZREM', parting, pair)
  if redis.call('ZREM', attendees, pair) == 1 then tell_group('left', string.match(pair, '^(.*)\n(.*)$')) end
end
return #pairs_due

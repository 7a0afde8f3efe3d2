-- event_offline: tells of users who have no session for offline_delay.
--
-- KEYS: events, online, leaving
-- ARGV: entries that the stream keeps, offline_delay ms, most users to tell of
-- Returns how many were told

-- include: time.lua
-- include: events.lua

local users = redis.call('ZRANGEBYSCORE', leaving, '-inf', now, 'LIMIT', 0, ARGV[3])
for _, user_id in ipairs(users) do
  redis.call('ZREM', leaving, user_id)
  redis.call('HDEL', online, user_id)
  tell('offline', user_id)
end
return #users

-- topic_dismiss: orders the end of the sessions that a page, a serverClient or all have now, so that a node that cannot be reached now does it
-- later, and tells which nodes have any. A later order takes the place of an earlier one: it means those too.
--
-- KEYS: topic, close
-- ARGV: code, reason, ttl ms
-- Returns {ms when ordered, {nodeId, value, …}}

-- include: time.lua

local topic, close, code, reason, ttl_ms = KEYS[1], KEYS[2], ARGV[1], ARGV[2], ARGV[3]
local now = now_ms()
redis.call('SET', close, string.format('%.0f %s %s', now, code, reason), 'PX', ttl_ms)
return {now, redis.call('HGETALL', topic)}

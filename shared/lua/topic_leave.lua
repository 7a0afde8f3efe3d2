-- topic_leave: a node has no members of a group any more, or has gone. What it has written since is left alone.
--
-- KEYS: topic
-- ARGV: nodeId, boot, until: the latest that this is about
-- Returns 1 if it was removed, else 0

-- include: topic.lua

local value = redis.call('HGET', KEYS[1], ARGV[1])
if not value then return 0 end
local boot, until_ms = decode_node(value)
if boot ~= ARGV[2] or until_ms > tonumber(ARGV[3]) then return 0 end
return redis.call('HDEL', KEYS[1], ARGV[1])

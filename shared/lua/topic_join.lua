-- topic_join: writes that a node has members of a group (again). Nodes that did not say so in time go.
--
-- KEYS: topic, log; or of a page, a serverClient or all: topic, close
-- ARGV: nodeId, "boot address until", ttl ms, which the second key is: log or close
-- Returns {the id of the log's last entry, 0-0 without any; of the last order to close: ms when ordered, code, reason, or 0, 0, ''}

-- include: time.lua
-- include: entries.lua
-- include: topic.lua

local topic, node_id, value, ttl_ms = KEYS[1], ARGV[1], ARGV[2], ARGV[3]
local log, close = ARGV[4] == 'log' and KEYS[2], ARGV[4] == 'close' and KEYS[2]

-- Nodes that have gone are looked for by one in so many calls as there are nodes: so a call costs the same, however many.
local now = now_ms()
if now % math.max(redis.call('HLEN', topic), 1) == 0 then
  local fields = redis.call('HGETALL', topic)
  for i = 1, #fields, 2 do
    local _, until_ms = decode_node(fields[i + 1])
    if until_ms <= now then redis.call('HDEL', topic, fields[i]) end
  end
end
redis.call('HSET', topic, node_id, value)
redis.call('PEXPIRE', topic, ttl_ms)
if log then return {last_id(log), 0, 0, ''} end
local at, code, reason = string.match(redis.call('GET', close) or '', '^(%d+) (%d+) (.*)$')
return {'0-0', tonumber(at or 0), tonumber(code or 0), reason or ''}

-- ack: moves read cursors up to an id, never back.
--
-- KEYS: read
-- ARGV: id, ttl ms, narrowing, …
-- Returns how many moved

-- include: entries.lua

local read, id, ttl_ms = KEYS[1], ARGV[1], ARGV[2]
local moved = 0
for i = 3, #ARGV do
  local cursor = redis.call('HGET', read, ARGV[i])
  if not cursor or is_above(id, cursor) then
    redis.call('HSET', read, ARGV[i], id)
    moved = moved + 1
  end
end
redis.call('PEXPIRE', read, ttl_ms)
return moved

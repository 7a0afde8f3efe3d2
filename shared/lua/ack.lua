-- ack: moves read cursors up to an id, never back.
--
-- KEYS: read
-- ARGV: id, ttl ms, whether the session saw all messages that except others (1 0), narrowing, …
-- Returns how many moved

-- include: entries.lua

local read, id, ttl_ms, saw_excepting = KEYS[1], ARGV[1], ARGV[2], ARGV[3] == '1'
local moved = 0

local function move(class)
  local cursor = redis.call('HGET', read, class)
  if not cursor or is_above(id, cursor) then
    redis.call('HSET', read, class, id)
    moved = moved + 1
  end
end

for i = 4, #ARGV do
  move(ARGV[i])
  local excepting = 'except ' .. ARGV[i]
  if saw_excepting and redis.call('HEXISTS', read, 'newest ' .. excepting) == 1 then move(excepting) end
end
redis.call('PEXPIRE', read, ttl_ms)
return moved

-- ack: moves read cursors up to an id, never back.
--
-- KEYS: read
-- ARGV: id, ttl ms, whether the session saw all messages that except others (1 0), narrowing, …
-- Returns how many moved

-- include: ids.lua

local read, id, ttl_ms, saw_excepting = KEYS[1], ARGV[1], ARGV[2], ARGV[3] == '1'
local narrowings = #ARGV - 3

-- What is to be noted in `read`: class, id, …
local moved, noted = {}, 0

local function move(class, cursor)
  if cursor and not is_above(id, cursor) then return end
  moved[noted + 1], moved[noted + 2] = class, id
  noted = noted + 2
end

-- The cursor of each narrowing, and behind these whether there was ever a message of it that excepts sessions: mostly there was none.
local asked = {unpack(ARGV, 4)}
for i = 1, narrowings do asked[narrowings + i] = 'newest except ' .. asked[i] end
local found = redis.call('HMGET', read, unpack(asked))
for i = 1, narrowings do
  move(asked[i], found[i])
  if saw_excepting and found[narrowings + i] then
    local excepting = 'except ' .. asked[i]
    move(excepting, redis.call('HGET', read, excepting))
  end
end
if noted > 0 then redis.call('HSET', read, unpack(moved)) end
redis.call('PEXPIRE', read, ttl_ms)
return noted / 2

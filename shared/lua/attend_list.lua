-- attend_list: who is in a group.
--
-- KEYS: attendees
-- ARGV: group, most names to return
-- Returns {how many users, userId, …}; these in the order of their bytes

local attendees, group, most = KEYS[1], ARGV[1], tonumber(ARGV[2])
local from, to = '[' .. group .. '\n', '(' .. group .. '\11'

local answer = {redis.call('ZLEXCOUNT', attendees, from, to)}
for _, pair in ipairs(redis.call('ZRANGEBYLEX', attendees, from, to, 'LIMIT', 0, most)) do
  answer[#answer + 1] = string.sub(pair, #group + 2)
end
return answer

-- event_lost: tells of sessions whose node is dead. Each is taken out as it is told, so whoever else calls this finds others.
--
-- KEYS: as attendance.lua, told nodes, told sessions, and attended groups of this node and boot
-- ARGV: as attendance.lua, nodeId, boot, most to tell of
-- Returns how many were told; 0: there are no more, and the node is forgotten

-- include: time.lua
-- include: events.lua
-- include: attendance.lua

local nodes, sessions, attended, node_id, boot, count = KEYS[8], KEYS[9], KEYS[10], ARGV[5], ARGV[6], ARGV[7]

local found = redis.call('HRANDFIELD', sessions, count, 'WITHVALUES')
for i = 1, #found, 2 do
  redis.call('HDEL', sessions, found[i])
  tell_session('lost', found[i], found[i + 1], node_id)
  leave(user_of(found[i + 1]))
end
local places = redis.call('HRANDFIELD', attended, count, 'WITHVALUES')
for i = 1, #places, 2 do
  redis.call('HDEL', attended, places[i])
  part(string.match(places[i], ' (.*)$'), places[i + 1])
end
if #found + #places == 0 then redis.call('SREM', nodes, node_id .. ' ' .. boot) end
return (#found + #places) / 2

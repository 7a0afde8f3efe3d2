-- event_lost: tells of sessions whose node is dead. Each is taken out as it is told, so whoever else calls this finds others.
--
-- KEYS: events, online, leaving, told nodes, told sessions of this node and boot
-- ARGV: entries that the stream keeps, offline_delay ms, nodeId, boot, most sessions to tell of
-- Returns how many were told; 0: there are no more, and the node is forgotten

-- include: events.lua

local nodes, sessions, node_id, boot, count = KEYS[4], KEYS[5], ARGV[3], ARGV[4], ARGV[5]

local found = redis.call('HRANDFIELD', sessions, count, 'WITHVALUES')
for i = 1, #found, 2 do
  redis.call('HDEL', sessions, found[i])
  tell_session('lost', found[i], found[i + 1], node_id)
  leave(user_of(found[i + 1]))
end
if #found == 0 then redis.call('SREM', nodes, node_id .. ' ' .. boot) end
return #found / 2

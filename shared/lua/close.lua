-- close: removes a field of a hash if its JSON value still carries this node and boot: a session's entry, a ghost's, or a node's heartbeat.
--
-- KEYS: hash
-- ARGV: field, nodeId, boot [, until: only if the entry was not refreshed since]
-- Returns 1 if it was removed, else 0

local value = redis.call('HGET', KEYS[1], ARGV[1])
if not value then return 0 end
local ok, entry = pcall(cjson.decode, value)
if not ok or type(entry) ~= 'table' or entry.node ~= ARGV[2] or entry.boot ~= ARGV[3] then return 0 end
if ARGV[4] and entry['until'] ~= tonumber(ARGV[4]) then return 0 end
return redis.call('HDEL', KEYS[1], ARGV[1])

-- topic_send: checks idempotency, appends to the topic's log if asked to, and tells which nodes have members of the group.
--
-- KEYS: topic, log [, sent]
-- ARGV: store (1 0), payload, log max, log ttl ms, message ttl ms or 0, payload hash, idempotency window ms,
-- sessionIds that are not to get it, separated by spaces, whether the nodes are asked for (1 0)
-- Returns {conflict, duplicate, stored, id, previous id, {nodeId, value, …}}

-- include: time.lua
-- include: entries.lua

local topic, log, sent = KEYS[1], KEYS[2], KEYS[3]
local store, payload, log_max, log_ttl_ms, message_ttl_ms, hash, window_ms, except, wants_nodes =
  ARGV[1] == '1', ARGV[2], ARGV[3], ARGV[4], tonumber(ARGV[5]), ARGV[6], ARGV[7], ARGV[8], ARGV[9] == '1'

-- Appends the message, and `fields` with it: besides these, the id of the entry before (p), and how many there have been (n).
local function append(fields)
  local newest = newest_entry(log)
  local previous = newest and newest[1] or '0-0'
  local number = (tonumber(newest and fields_of(newest).n) or 0) + 1
  local id = redis.call('XADD', log, 'MAXLEN', log_max, '*', 'm', payload, 'p', previous, 'n', string.format('%.0f', number), unpack(fields))
  redis.call('PEXPIRE', log, log_ttl_ms)
  return id, previous
end

local function answer(conflict, duplicate, stored, id, previous)
  return {conflict, duplicate, stored, id, previous, wants_nodes and redis.call('HGETALL', topic) or {}}
end

if sent then
  local record = redis.call('GET', sent)
  if record then
    local id, previous, first_hash = string.match(record, '^(%S+) (%S+) (%S+)$')
    if first_hash ~= hash then return answer(1, 0, 0, '0-0', '0-0') end
    return answer(0, 1, id ~= '0-0' and has_entry(log, id) and 1 or 0, id, previous)
  end
end

local id, previous = '0-0', '0-0'
if store then
  local fields = {}
  if message_ttl_ms > 0 then
    fields[#fields + 1] = 'x'
    fields[#fields + 1] = string.format('%.0f', now_ms() + message_ttl_ms)
  end
  if except ~= '' then
    fields[#fields + 1] = 'except'
    fields[#fields + 1] = except
  end
  id, previous = append(fields)
end
if sent then redis.call('SET', sent, id .. ' ' .. previous .. ' ' .. hash, 'PX', window_ms) end
return answer(0, 0, store and 1 or 0, id, previous)

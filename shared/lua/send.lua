-- send: checks idempotency, appends to the inbox if asked to, and tells where the user's sessions are.
--
-- KEYS: registry, inbox, read [, sent]
-- ARGV: store (1 0), payload, narrowing, inbox max, inbox ttl ms, message ttl ms or 0, payload hash, idempotency window ms,
-- sessionIds that are not to get it, separated by spaces
-- Returns {conflict, duplicate, stored, id, previous id, {sessionId, entry, …}}

-- include: entries.lua

local registry, inbox, read, sent = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local store, payload, narrowing, inbox_max, inbox_ttl_ms, message_ttl_ms, hash, window_ms, except =
  ARGV[1] == '1', ARGV[2], ARGV[3], ARGV[4], ARGV[5], tonumber(ARGV[6]), ARGV[7], ARGV[8], ARGV[9]

local function sessions()
  return redis.call('HGETALL', registry)
end

-- Besides the message: the id of the entry before (p), and how many there have been (n).
local function append()
  local newest = newest_entry(inbox)
  local previous = newest and newest[1] or '0-0'
  local number = (tonumber(newest and fields_of(newest).n) or 0) + 1
  local fields = {'m', payload, 'p', previous, 'n', string.format('%.0f', number)}
  if narrowing ~= '*' then
    fields[#fields + 1] = 'to'
    fields[#fields + 1] = narrowing
  end
  if message_ttl_ms > 0 then
    fields[#fields + 1] = 'x'
    fields[#fields + 1] = string.format('%.0f', now_ms() + message_ttl_ms)
  end
  if except ~= '' then
    fields[#fields + 1] = 'except'
    fields[#fields + 1] = except
  end
  local id = redis.call('XADD', inbox, 'MAXLEN', inbox_max, '*', unpack(fields))
  redis.call('HSET', read, 'newest ' .. (except ~= '' and 'except ' or '') .. narrowing, id)
  redis.call('PEXPIRE', inbox, inbox_ttl_ms)
  redis.call('PEXPIRE', read, inbox_ttl_ms) -- cursors must not go before the messages that they are about
  return id, previous
end

if sent then
  local record = redis.call('GET', sent)
  if record then
    local id, previous, first_hash = string.match(record, '^(%S+) (%S+) (%S+)$')
    if first_hash ~= hash then return {1, 0, 0, '0-0', '0-0', {}} end
    local is_stored = id ~= '0-0' and has_entry(inbox, id)
    return {0, 1, is_stored and 1 or 0, id, previous, sessions()}
  end
end

local id, previous = '0-0', '0-0'
if store then id, previous = append() end
if sent then redis.call('SET', sent, id .. ' ' .. previous .. ' ' .. hash, 'PX', window_ms) end
return {0, 0, store and 1 or 0, id, previous, sessions()}

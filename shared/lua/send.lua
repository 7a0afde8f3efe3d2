-- send: messages to one user, in their order: checks idempotency, appends to the inbox what is to be stored, and tells where the user's sessions
-- are.
--
-- KEYS: registry, inbox, read [, sent … one for each message that has a messageId]
-- ARGV: inbox max, inbox ttl ms, idempotency window ms, whether the sessions are asked for (1 0), and for each message:
-- store (1 0), payload, narrowing, message ttl ms or 0, payload hash or "" without a messageId, sessionIds that are not to get it, separated by
-- spaces
-- Returns {conflict, duplicate, stored, id, previous id, … the same for each message, {sessionId, entry, …}}

-- include: entries.lua

local registry, inbox, read = KEYS[1], KEYS[2], KEYS[3]
local inbox_max, inbox_ttl_ms, window_ms, wants_sessions = ARGV[1], ARGV[2], ARGV[3], ARGV[4] == '1'

-- The inbox's last entry, once it is known, and how many entries there have been.
local last, count
-- What is to be noted in `read` of the classes that got an entry: "newest <class>", id, …
local newest = {}

local function find_end()
  local entry = newest_entry(inbox)
  last, count = entry and entry[1] or '0-0', tonumber(entry and fields_of(entry).n) or 0
end

-- Besides the message: the id of the entry before (p), and how many there have been (n).
local function append(payload, narrowing, ttl_ms, except)
  if not last then find_end() end
  local previous = last
  count = count + 1
  local fields = {'m', payload, 'p', previous, 'n', string.format('%.0f', count)}
  if narrowing ~= '*' then
    fields[#fields + 1] = 'to'
    fields[#fields + 1] = narrowing
  end
  if ttl_ms ~= '0' then
    fields[#fields + 1] = 'x'
    fields[#fields + 1] = string.format('%.0f', now_ms() + tonumber(ttl_ms))
  end
  if except ~= '' then
    fields[#fields + 1] = 'except'
    fields[#fields + 1] = except
  end
  last = redis.call('XADD', inbox, 'MAXLEN', inbox_max, '*', unpack(fields))
  newest[#newest + 1] = 'newest ' .. (except ~= '' and 'except ' or '') .. narrowing
  newest[#newest + 1] = last
  return last, previous
end

-- What became of an earlier message of that messageId; nil: there was none.
local function recall(sent, hash)
  local record = redis.call('GET', sent)
  if not record then return nil end
  local id, previous, first_hash = string.match(record, '^(%S+) (%S+) (%S+)$')
  if first_hash ~= hash then return 1, 0, 0, '0-0', '0-0' end
  return 0, 1, id ~= '0-0' and has_entry(inbox, id) and 1 or 0, id, previous
end

local reply, sent_keys = {}, 3
for at = 5, #ARGV, 6 do
  local store, hash = ARGV[at] == '1', ARGV[at + 4]
  local sent, conflict, duplicate, stored, id, previous
  if hash ~= '' then
    sent_keys = sent_keys + 1
    sent = KEYS[sent_keys]
    conflict, duplicate, stored, id, previous = recall(sent, hash)
  end
  if not conflict then
    conflict, duplicate, stored, id, previous = 0, 0, store and 1 or 0, '0-0', '0-0'
    if store then id, previous = append(ARGV[at + 1], ARGV[at + 2], ARGV[at + 3], ARGV[at + 5]) end
    if sent then redis.call('SET', sent, id .. ' ' .. previous .. ' ' .. hash, 'PX', window_ms) end
  end
  for _, value in ipairs({conflict, duplicate, stored, id, previous}) do reply[#reply + 1] = value end
end
if last then
  redis.call('HSET', read, unpack(newest))
  redis.call('PEXPIRE', inbox, inbox_ttl_ms)
  redis.call('PEXPIRE', read, inbox_ttl_ms) -- cursors must not go before the messages that they are about
end
reply[#reply + 1] = wants_sessions and redis.call('HGETALL', registry) or {}
return reply

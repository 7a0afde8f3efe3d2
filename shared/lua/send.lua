-- send: messages to one user, in their order: checks idempotency, appends to the inbox what is to be stored, and tells where the user's sessions
-- are. Messages to a group likewise: the topic's log is its inbox, the nodes that have members are its sessions, and nobody acknowledges them.
--
-- KEYS: registry, inbox, read [, sent … one for each message that has a messageId]; of a group: topic, log [, sent …]
-- ARGV: inbox max, inbox ttl ms, idempotency window ms, whether the sessions are asked for (1 0), whether it is a user (1 0), and for each message:
-- store (1 0), payload, narrowing, message ttl ms or 0, payload hash or "" without a messageId, sessionIds that are not to get it, separated by
-- spaces
-- Returns {conflict, duplicate, stored, id, previous id, … the same for each message, {sessionId, entry, …}}

-- include: time.lua
-- include: entries.lua

local registry, inbox, read = KEYS[1], KEYS[2], ARGV[5] == '1' and KEYS[3]
local inbox_max, inbox_ttl_ms, window_ms, wants_sessions = ARGV[1], ARGV[2], ARGV[3], ARGV[4] == '1'
local is_one = #ARGV <= 11

-- The inbox's last entry, once it is known, and how many entries there have been.
local last, count
-- What is to be noted in `read` of the classes that got an entry: "newest <class>", id, …
local newest, noted = {}, 0

-- Besides the message: the id of the entry before (p), and how many there have been (n).
local function append(payload, narrowing, ttl_ms, except)
  if not last then
    local entry = newest_entry(inbox)
    last, count = entry and entry[1] or '0-0', tonumber(entry and fields_of(entry).n) or 0
  end
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
  -- Each trim looks for the first entry from a place up to 100 entries before it: several messages are trimmed once, at the end.
  last = is_one and redis.call('XADD', inbox, 'MAXLEN', inbox_max, '*', unpack(fields)) or redis.call('XADD', inbox, '*', unpack(fields))
  newest[noted + 1], newest[noted + 2] = (except ~= '' and 'newest except ' or 'newest ') .. narrowing, last
  noted = noted + 2
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

local reply, told, sent_keys = {}, 0, read and 3 or 2
for at = 6, #ARGV, 6 do
  local hash = ARGV[at + 4]
  local sent, conflict, duplicate, stored, id, previous
  if hash ~= '' then
    sent_keys = sent_keys + 1
    sent = KEYS[sent_keys]
    conflict, duplicate, stored, id, previous = recall(sent, hash)
  end
  if not conflict then
    conflict, duplicate, stored, id, previous = 0, 0, 0, '0-0', '0-0'
    if ARGV[at] == '1' then
      stored = 1
      id, previous = append(ARGV[at + 1], ARGV[at + 2], ARGV[at + 3], ARGV[at + 5])
    end
    if sent then redis.call('SET', sent, id .. ' ' .. previous .. ' ' .. hash, 'PX', window_ms) end
  end
  reply[told + 1], reply[told + 2], reply[told + 3], reply[told + 4], reply[told + 5] = conflict, duplicate, stored, id, previous
  told = told + 5
end
if last then
  if not is_one then redis.call('XTRIM', inbox, 'MAXLEN', inbox_max) end
  redis.call('PEXPIRE', inbox, inbox_ttl_ms)
end
if last and read then
  redis.call('HSET', read, unpack(newest))
  redis.call('PEXPIRE', read, inbox_ttl_ms) -- cursors must not go before the messages that they are about
end
reply[told + 1] = wants_sessions and redis.call('HGETALL', registry) or {}
return reply

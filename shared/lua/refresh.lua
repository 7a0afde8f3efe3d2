-- refresh: writes a live session's entry again and tells the inbox's last id, unless the session is to end. Entries that nobody refreshed in time
-- go.
--
-- KEYS: registry, inbox, close, revoked, memberships
-- ARGV: sessionId, entry, ttl ms, mode, the token's id and when it was issued (ms; "": there is no token)
-- Returns {2, reason} if the token was revoked, else {replaced, position, code to close with or 0, reason, version of the memberships}

-- include: time.lua
-- include: entries.lua
-- include: registry.lua
-- include: revoked.lua

local registry, inbox, close = KEYS[1], KEYS[2], KEYS[3]
local session_id, entry, ttl_ms, mode = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local own = cjson.decode(entry)

local reason = revocation_of(KEYS[4], ARGV[5], ARGV[6])
if reason then return {2, reason} end

-- Two sessions of one millisecond: the id decides, so that exactly one of them stays.
local function is_newer(other_id, other)
  return other.since > own.since or (other.since == own.since and other_id > session_id)
end

-- true: a newer session of the same key is there, and this one has to go.
local function look_at_others(now)
  local fields = redis.call('HGETALL', registry)
  for i = 1, #fields, 2 do
    local other_id, other = fields[i], decode_entry(fields[i + 1])
    if not other or other['until'] <= now then
      redis.call('HDEL', registry, other_id)
    elseif mode == 'replace' and other_id ~= session_id and other.key == own.key and is_newer(other_id, other) then
      return true
    end
  end
  return false
end

-- What dismiss has ordered of this session: by its id; or by its place, where its entry is not there any more and it is older than the order.
local function find_order()
  if redis.call('EXISTS', close) == 0 then return nil end
  local places = {'*', string.match(own.key, '^[^:]*'), string.match(own.key, '^[^:]*:[^:]*')}
  local order = redis.call('HGET', close, session_id)
  for _, place in ipairs(places) do
    if order and place == string.match(order, '^%d+ %d+ (%S+) ') then return order end
  end
  if redis.call('HEXISTS', registry, session_id) == 1 then return nil end
  for _, found in ipairs(redis.call('HMGET', close, unpack(places))) do
    local at = found and string.match(found, '^(%d+) %d+ %S+ ')
    if at and own.since <= tonumber(at) then return found end
  end
end

local order = find_order()
if order then
  local code, reason = string.match(order, '^%d+ (%d+) %S+ (.*)$')
  return {0, '0-0', tonumber(code), reason, '0'}
end

-- Entries that nobody refreshed are looked for by one in so many refreshes as there are entries: so a refresh costs the same, however many.
local now = now_ms()
local is_turn = now % math.max(redis.call('HLEN', registry), 1) == 0
if (mode == 'replace' or is_turn) and look_at_others(now) then return {1, '0-0', 0, '', '0'} end
redis.call('HSET', registry, session_id, entry)
redis.call('PEXPIRE', registry, ttl_ms)
return {0, last_id(inbox), 0, '', redis.call('HGET', KEYS[5], 'version') or '0'}

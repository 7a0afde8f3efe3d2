-- open: registers a session and reads what must be replayed to it, atomically: every send is either before (its entry is in the reply)
-- or after (the sender sees the session).
--
-- KEYS: registry, inbox, read, revoked, memberships
-- ARGV: sessionId, entry, ttl ms, key, mode (allow notify replace reject), "nodeId boot\n…" of live nodes, serverClient, last id or "",
-- entries and bytes that a page may have, most live sessions of the user and of the key (0: no limit),
-- the token's id and when it was issued (ms; "": there is no token)
-- Returns {4, reason} if the token was revoked, else {verdict (0 opened; nothing was written: 1 duplicate, 2 too many of the user, 3 of the key), {duplicate sessionId, entry, …}, position, recovered, unread, missed, start,
--          {filter, cursors of the classes *, sc, sc:page and of the same with except}, {id, payload, …}, last, more, skipped, excepted, {membership, 1, …}}

-- include: ids.lua
-- include: time.lua
-- include: entries.lua
-- include: walk.lua
-- include: registry.lua
-- include: revoked.lua

local registry, inbox, read = KEYS[1], KEYS[2], KEYS[3]
local max_of_user, max_of_key = tonumber(ARGV[11]), tonumber(ARGV[12])
local session_id, entry, ttl_ms, key, mode, alive, server_client, last_known, page_entries, page_bytes =
  ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6], ARGV[7], ARGV[8], tonumber(ARGV[9]), tonumber(ARGV[10])

local reason = revocation_of(KEYS[4], ARGV[13], ARGV[14])
if reason then return {4, reason} end

-- The user's other sessions, but for those of nodes that are dead; and as {sessionId, entry, …} those of the same key that have to be told.
local function live_others()
  local others, same_key = {}, {}
  if mode == 'allow' and max_of_user == 0 and max_of_key == 0 then return others, same_key end
  local live = {}
  for node in string.gmatch(alive, '[^\n]+') do live[node] = true end
  local now = now_ms()
  local fields = redis.call('HGETALL', registry)
  for i = 1, #fields, 2 do
    local other = decode_entry(fields[i + 1])
    if other and fields[i] ~= session_id and other['until'] > now and live[other.node .. ' ' .. other.boot] then
      others[#others + 1] = fields[i]
      if other.key == key then
        same_key[#same_key + 1] = fields[i]
        same_key[#same_key + 1] = fields[i + 1]
      end
    end
  end
  return others, same_key
end

local others, same_key = live_others()
local function verdict()
  local of_user, of_key = #others, #same_key / 2
  if mode == 'reject' and of_key > 0 then return 1 end
  -- Those that are replaced make room.
  if mode == 'replace' then of_user, of_key = of_user - of_key, 0 end
  if max_of_user > 0 and of_user >= max_of_user then return 2 end
  if max_of_key > 0 and of_key >= max_of_key then return 3 end
  return 0
end

local refusal = verdict()
local duplicates = mode == 'allow' and {} or same_key
if refusal > 0 then
  local none = '0-0'
  return {refusal, duplicates, none, 0, 0, 0, none, {0, none, none, none, none, none, none}, {}, none, 0, none, 0, {}}
end
if mode == 'replace' then
  for i = 1, #duplicates, 2 do redis.call('HDEL', registry, duplicates[i]) end
end
redis.call('HSET', registry, session_id, entry)
redis.call('PEXPIRE', registry, ttl_ms)

local page_name = string.match(key, '^[^:]*:[^:]*')
local classes = {'*', server_client, page_name, 'except *', 'except ' .. server_client, 'except ' .. page_name}
local newest = {}
for i, class in ipairs(classes) do newest[i] = 'newest ' .. class end
local read_up_to, newest_ids = redis.call('HMGET', read, unpack(classes)), redis.call('HMGET', read, unpack(newest))

-- Was anything trimmed after this place, or did the inbox expire?
local oldest = oldest_entry(inbox)
local function is_cut_off(cursor)
  return not oldest or (is_above(oldest[1], cursor) and is_above(fields_of(oldest).p, cursor))
end

-- What is above the cursors begins after the lowest one of those classes that have anything above theirs. Second, whether all of it is there.
local position = last_id(inbox)
local function first_place(cursors)
  local start, is_whole = position, true
  for i, class in ipairs(classes) do
    local cursor = cursors[class]
    if newest_ids[i] and is_above(newest_ids[i], cursor) then
      if is_above(start, cursor) then start = cursor end
      is_whole = is_whole and not is_cut_off(cursor)
    end
  end
  return start, is_whole
end

local cursors = {}
for i, class in ipairs(classes) do cursors[class] = read_up_to[i] or '0-0' end
local start, recovered = first_place(cursors)

local limits = {entries = page_entries, bytes = page_bytes}
local reader = {cursors = cursors, unread_only = true, session_id = session_id}
local page, unread = walk(inbox, start, reader, limits, true)
local missed, resumes = unread, false
if last_known ~= '' then
  resumes = is_known(inbox, last_known)
  recovered = resumes
end
if resumes then
  reader.unread_only, start = false, last_known
elseif last_known ~= '' then
  -- The client has seen nothing after its place, wherever that was: what others have read there is not read here.
  for class, cursor in pairs(cursors) do
    if is_above(cursor, last_known) then cursors[class] = last_known end
  end
  start = first_place(cursors)
end
if last_known ~= '' then page, missed = walk(inbox, start, reader, limits, true) end
-- Before its place there may be messages that excepted the client's last session: this one must not acknowledge those.
for i = 4, 6 do
  local cursor = cursors[classes[i]]
  if resumes and newest_ids[i] and is_above(newest_ids[i], cursor) and is_above(last_known, cursor) then page.excepted = true end
end
local cursor_ids = {resumes and 0 or 1}
for i, class in ipairs(classes) do cursor_ids[i + 1] = cursors[class] end
local reply = {0, duplicates, position, recovered and 1 or 0, unread, missed, start, cursor_ids, page_reply(page)}
reply[#reply + 1] = redis.call('HGETALL', KEYS[5])
return reply

-- open: registers a session and reads what must be replayed to it, atomically: every send is either before (its entry is in the reply)
-- or after (the sender sees the session).
--
-- KEYS: registry, inbox, read
-- ARGV: sessionId, entry, ttl ms, key, mode (allow notify replace reject), "nodeId boot\n…" of live nodes, serverClient, last id or "", page
-- Returns {rejected, {duplicate sessionId, entry, …}, position, recovered, unread, missed, {filter, cursor *, cursor sc, cursor sc:page},
--          {id, payload, …}, last, more}

-- include: entries.lua
-- include: registry.lua

local registry, inbox, read = KEYS[1], KEYS[2], KEYS[3]
local session_id, entry, ttl_ms, key, mode, alive, server_client, last_known, page_entries =
  ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6], ARGV[7], ARGV[8], tonumber(ARGV[9])

local function live_duplicates()
  local found = {}
  if mode == 'allow' then return found end
  local live = {}
  for node in string.gmatch(alive, '[^\n]+') do live[node] = true end
  local now = now_ms()
  local fields = redis.call('HGETALL', registry)
  for i = 1, #fields, 2 do
    local other = decode_entry(fields[i + 1])
    if other and fields[i] ~= session_id and other.key == key and other['until'] > now and live[other.node .. ' ' .. other.boot] then
      found[#found + 1] = fields[i]
      found[#found + 1] = fields[i + 1]
    end
  end
  return found
end

local duplicates = live_duplicates()
if mode == 'reject' and #duplicates > 0 then
  return {1, duplicates, '0-0', 0, 0, 0, {0, '0-0', '0-0', '0-0'}, {}, '0-0', 0}
end
if mode == 'replace' then
  for i = 1, #duplicates, 2 do redis.call('HDEL', registry, duplicates[i]) end
end
redis.call('HSET', registry, session_id, entry)
redis.call('PEXPIRE', registry, ttl_ms)

local page_name = string.match(key, '^[^:]*:[^:]*')
local read_up_to = redis.call('HMGET', read, '*', server_client, page_name)
local cursors = {
  ['*'] = read_up_to[1] or '0-0',
  [server_client] = read_up_to[2] or '0-0',
  [page_name] = read_up_to[3] or '0-0',
}
local oldest_cursor = cursors['*']
for _, cursor in pairs(cursors) do
  if is_above(oldest_cursor, cursor) then oldest_cursor = cursor end
end

local resumes = last_known ~= '' and is_known(inbox, last_known)
local recovered = (last_known == '' or resumes) and 1 or 0
local reader = {cursors = cursors, unread_only = true, session_id = session_id}
local page, last, more, unread = walk(inbox, oldest_cursor, reader, page_entries, true)
local missed = unread
if resumes then
  reader.unread_only = false
  page, last, more, missed = walk(inbox, last_known, reader, page_entries, true)
end
return {
  0, duplicates, last_id(inbox), recovered, unread, missed,
  {resumes and 0 or 1, cursors['*'], cursors[server_client], cursors[page_name]},
  page, last, more and 1 or 0,
}

-- Included by the scripts that read an inbox. An id is "<ms>-<n>"; both fit a double exactly (n counts within one millisecond).

local function split_id(id)
  local ms, n = string.match(id, '^(%d+)-(%d+)$')
  return tonumber(ms), tonumber(n)
end

local function is_above(a, b)
  local a_ms, a_n = split_id(a)
  local b_ms, b_n = split_id(b)
  return a_ms > b_ms or (a_ms == b_ms and a_n > b_n)
end

local function fields_of(entry)
  local fields = {}
  for i = 1, #entry[2], 2 do fields[entry[2][i]] = entry[2][i + 1] end
  return fields
end

-- The id of the last entry, '0-0' for an empty inbox. The inbox is trimmed from its start only, so this is the last id ever given.
local function last_id(inbox)
  local newest = redis.call('XREVRANGE', inbox, '+', '-', 'COUNT', 1)[1]
  return newest and newest[1] or '0-0'
end

-- Is `id` a place in this inbox after which nothing is missing? It is, if its entry is there, or if the oldest entry came right after it.
local function is_known(inbox, id)
  if #redis.call('XRANGE', inbox, id, id) == 1 then return true end
  local oldest = redis.call('XRANGE', inbox, '-', '+', 'COUNT', 1)[1]
  if not oldest then return id == '0-0' end
  return fields_of(oldest).p == id
end

local function now_ms()
  local time = redis.call('TIME')
  return tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end

-- A reader is who an inbox is read for:
--   cursors      narrowing -> the highest id that somebody has read of it, for each narrowing that the reader is meant by
--   unread_only  whether what has been read is left out
--   session_id   its session, which a message may except; nil: none
local function is_for(reader, id, fields, now)
  if not fields.m then return false end
  if fields.x and tonumber(fields.x) <= now then return false end
  if fields.except and reader.session_id and string.find(fields.except, reader.session_id, 1, true) then return false end
  local cursor = reader.cursors[fields.to or '*']
  return cursor ~= nil and (not reader.unread_only or is_above(id, cursor))
end

-- Walks the inbox after `from`. Returns the first page as {id, payload, id, payload, …}, the id of the last entry that the page looked at,
-- whether entries are left after it, and how many entries would be shown in all (counted only if `count_all`).
local function walk(inbox, from, reader, page_entries, count_all)
  local now, page, last, more, shown, page_is_open = now_ms(), {}, from, false, 0, true
  local at = from
  while true do
    local entries = redis.call('XRANGE', inbox, '(' .. at, '+', 'COUNT', page_entries)
    if #entries == 0 then break end
    if not page_is_open then more = true end
    if not page_is_open and not count_all then break end
    for _, entry in ipairs(entries) do
      local fields = fields_of(entry)
      if is_for(reader, entry[1], fields, now) then
        shown = shown + 1
        if page_is_open then
          page[#page + 1] = entry[1]
          page[#page + 1] = fields.m
        end
      end
    end
    at = entries[#entries][1]
    if page_is_open then last, page_is_open = at, false end
    if #entries < page_entries then break end
  end
  return page, last, more, shown
end

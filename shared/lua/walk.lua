-- Included, after ids.lua, time.lua and entries.lua, by the scripts that show somebody an inbox.

-- So many entries are read at a time: whoever reads must not hold much more than what it looks for, and an entry may be large.
local CHUNK_ENTRIES = 16
-- Counting goes on for so many bytes of payload; beyond them, entries are counted that may not all be for the reader.
local COUNT_BYTES = 1048576

local function oldest_entry(inbox)
  return redis.call('XRANGE', inbox, '-', '+', 'COUNT', 1)[1]
end

-- Is `id` a place in this inbox after which nothing is missing? It is, if its entry is there, or if the oldest entry came right after it.
local function is_known(inbox, id)
  if has_entry(inbox, id) then return true end
  local oldest = oldest_entry(inbox)
  if not oldest then return id == '0-0' end
  return fields_of(oldest).p == id
end

-- Messages are read class by class: by how they are narrowed, and those that except sessions apart. Who acknowledges has not seen what it was
-- excepted from. `read` has a cursor for each class ("*", "pc", "except pc:home"), and the class' newest entry ("newest pc"). Names have no spaces.
local function class_of(fields)
  return (fields.except and 'except ' or '') .. (fields.to or '*')
end

-- A reader is who an inbox is read for:
--   cursors      class -> the highest id that somebody has read of it, for each class that the reader is meant by
--   unread_only  whether what has been read is left out
--   session_id   its session, which a message may except; nil: none
local function is_excepted(reader, fields)
  return fields.except and reader.session_id and string.find(fields.except, reader.session_id, 1, true) ~= nil
end

local function is_for(reader, id, fields, now)
  if not fields.m or is_excepted(reader, fields) then return false end
  if fields.x and tonumber(fields.x) <= now then return false end
  local cursor = reader.cursors[class_of(fields)]
  return cursor ~= nil and (not reader.unread_only or is_above(id, cursor))
end

-- How many entries come after one, whoever they are for.
local function count_after(inbox, fields)
  local newest = newest_entry(inbox)
  return (tonumber(newest and fields_of(newest).n) or 0) - (tonumber(fields.n) or 0)
end

-- Walks the inbox after `from`. The page takes entries as long as there is room for what it looks at (limits.entries) and what it shows
-- (limits.bytes; one entry fits always). Returns the page as {entries {id, payload, …}, last, more, skipped, excepted}: the id of the last entry
-- that it looked at, whether entries are left after it, the last one that it did not show, and whether it left out one because of the session.
-- Second, how many entries would be shown in all: counted only if `count_all`.
local function walk(inbox, from, reader, limits, count_all)
  local now, at = now_ms(), from
  local page = {entries = {}, last = from, more = false, skipped = '0-0', excepted = false}
  local looked_at, page_bytes, is_open = 0, 0, limits.entries > 0
  local shown, counted_bytes = 0, 0
  while true do
    local entries = redis.call('XRANGE', inbox, '(' .. at, '+', 'COUNT', CHUNK_ENTRIES)
    for _, entry in ipairs(entries) do
      local id, fields = entry[1], fields_of(entry)
      local is_shown, bytes = is_for(reader, id, fields, now), #(fields.m or '')
      if is_open and (looked_at == limits.entries or (is_shown and page_bytes > 0 and page_bytes + bytes > limits.bytes)) then
        is_open, page.more = false, true
      end
      if not is_open and not count_all then return page, shown end
      at = id
      if is_shown then shown = shown + 1 end
      if is_open then
        looked_at, page.last = looked_at + 1, id
        if is_shown then
          page_bytes = page_bytes + bytes
          page.entries[#page.entries + 1] = id
          page.entries[#page.entries + 1] = fields.m
        else
          page.skipped = id
          page.excepted = page.excepted or (is_excepted(reader, fields) and true or false)
        end
      else
        counted_bytes = counted_bytes + bytes
        if counted_bytes > COUNT_BYTES then return page, shown + count_after(inbox, fields) end
      end
    end
    if #entries < CHUNK_ENTRIES then return page, shown end
  end
end

local function page_reply(page)
  return page.entries, page.last, page.more and 1 or 0, page.skipped, page.excepted and 1 or 0
end

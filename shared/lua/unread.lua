-- unread: counts the messages that nobody has read yet, of those that are for a place of the user.
--
-- KEYS: inbox, read
-- ARGV: serverClient or "" (any), page or "" (any)
-- Returns the count

-- include: ids.lua
-- include: time.lua
-- include: entries.lua
-- include: walk.lua

local inbox, read, server_client, page = KEYS[1], KEYS[2], ARGV[1], ARGV[2]

-- Can a session at the asked place be one that messages of this class are for?
local function overlaps(class)
  local narrowing = string.gsub(class, '^except ', '')
  if server_client == '' or narrowing == '*' or narrowing == server_client then return true end
  if page ~= '' then return narrowing == server_client .. ':' .. page end
  return string.sub(narrowing, 1, #server_client + 1) == server_client .. ':'
end

local cursors = {}
local fields = redis.call('HGETALL', read)
for i = 1, #fields, 2 do
  if string.sub(fields[i], 1, 7) ~= 'newest ' and overlaps(fields[i]) then cursors[fields[i]] = fields[i + 1] end
end
-- What nobody has ever read of has no cursor.
setmetatable(cursors, {__index = function(_, class) return overlaps(class) and '0-0' or nil end})

local _, unread = walk(inbox, '0-0', {cursors = cursors, unread_only = true}, {entries = 0, bytes = 0}, true)
return unread

-- Included by the scripts that know an inbox' entries. Each call of a script makes all functions of what it includes: what is not for most of
-- them stands elsewhere.

local function fields_of(entry)
  local fields = {}
  for i = 1, #entry[2], 2 do fields[entry[2][i]] = entry[2][i + 1] end
  return fields
end

local function newest_entry(inbox)
  return redis.call('XREVRANGE', inbox, '+', '-', 'COUNT', 1)[1]
end

-- The id of the last entry, '0-0' for an empty inbox. The inbox is trimmed from its start only, so this is the last id ever given.
local function last_id(inbox)
  local newest = newest_entry(inbox)
  return newest and newest[1] or '0-0'
end

local function has_entry(inbox, id)
  return #redis.call('XRANGE', inbox, id, id) == 1
end

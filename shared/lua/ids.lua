-- Included by the scripts that compare ids. An id is "<ms>-<n>"; both fit a double exactly (n counts within one millisecond).

local function split_id(id)
  local ms, n = string.match(id, '^(%d+)-(%d+)$')
  return tonumber(ms), tonumber(n)
end

local function is_above(a, b)
  local a_ms, a_n = split_id(a)
  local b_ms, b_n = split_id(b)
  return a_ms > b_ms or (a_ms == b_ms and a_n > b_n)
end

-- Included by the scripts that change who is in a group.

-- The boot and the time of what a node has written there; for what is none of ours a boot that nobody has, and a time that has passed.
local function decode_node(value)
  local boot, until_ms = string.match(value, '^(%S+) %S+ (%d+)$')
  return boot or '', tonumber(until_ms) or 0
end

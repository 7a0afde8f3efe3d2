-- Included by the scripts that read a registry.

-- nil for what is no entry: a script must not fail on what somebody else wrote into the hash.
local function decode_entry(json)
  local ok, entry = pcall(cjson.decode, json)
  if not ok or type(entry) ~= 'table' then return nil end
  for _, name in ipairs({'node', 'boot', 'key'}) do
    if type(entry[name]) ~= 'string' then return nil end
  end
  for _, name in ipairs({'since', 'until'}) do
    if type(entry[name]) ~= 'number' then return nil end
  end
  return entry
end

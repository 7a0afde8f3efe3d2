-- Included by the scripts that let a session in, or let it go on.

-- Why a token is refused: a text, or nil if it is not. issued: ms, 0 if the token does not say; '' for a session without a token.
local function revocation_of(revoked, token_id, issued)
  if issued == '' then return nil end
  local found = redis.call('HMGET', revoked, 'all', 'id ' .. token_id)
  if found[1] then
    local since, reason = string.match(found[1], '^(%d+) (.*)$')
    if since and tonumber(issued) <= tonumber(since) then return reason end
  end
  if token_id ~= '' and found[2] then return string.match(found[2], '^%d+ (.*)$') or '' end
  return nil
end

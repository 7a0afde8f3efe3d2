-- fetch: one page of the inbox after a place, as one session is to see it.
--
-- KEYS: inbox, registry
-- ARGV: after, serverClient, serverClient:page, filter (1 0), cursors of the classes *, sc, sc:page and of the same with except,
-- entries and bytes that a page may have, sessionId, whether something must be there after this place (1 0), ms that the registry is to live
-- (its expiry is a write, for WAIT to be about) or 0
-- Returns {gap, {id, payload, …}, last, more, skipped, excepted}

-- include: ids.lua
-- include: time.lua
-- include: entries.lua
-- include: walk.lua

local inbox, registry, after, server_client, page_name, touch_ms = KEYS[1], KEYS[2], ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[15])
if touch_ms > 0 and redis.call('PEXPIRE', registry, touch_ms) == 0 then return redis.error_reply('TRYAGAIN the user is not registered') end
local reader = {
  cursors = {
    ['*'] = ARGV[5], [server_client] = ARGV[6], [page_name] = ARGV[7],
    ['except *'] = ARGV[8], ['except ' .. server_client] = ARGV[9], ['except ' .. page_name] = ARGV[10],
  },
  unread_only = ARGV[4] == '1',
  session_id = ARGV[13],
}
local gap
if redis.call('EXISTS', inbox) == 1 then gap = not is_known(inbox, after) else gap = ARGV[14] == '1' end
return {gap and 1 or 0, page_reply((walk(inbox, after, reader, {entries = tonumber(ARGV[11]), bytes = tonumber(ARGV[12])}, false)))}

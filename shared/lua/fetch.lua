-- fetch: one page of the inbox after a place, as one session is to see it.
--
-- KEYS: inbox
-- ARGV: after, serverClient, serverClient:page, filter (1 0), cursor *, cursor sc, cursor sc:page, page, sessionId
-- Returns {gap, {id, payload, …}, last, more}

-- include: entries.lua

local inbox, after = KEYS[1], ARGV[1]
local reader = {
  cursors = {['*'] = ARGV[5], [ARGV[2]] = ARGV[6], [ARGV[3]] = ARGV[7]},
  unread_only = ARGV[4] == '1',
  session_id = ARGV[9],
}
local is_there = redis.call('EXISTS', inbox) == 1
local gap = is_there and not is_known(inbox, after)
local page, last, more = walk(inbox, after, reader, tonumber(ARGV[8]), false)
return {gap and 1 or 0, page, last, more and 1 or 0}

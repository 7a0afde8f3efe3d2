-- topic_fetch: one page of a topic's log after a place, as one session is to see it.
--
-- KEYS: log, topic
-- ARGV: after, or "" for from now on; entries and bytes that a page may have, sessionId, ms that the topic is to live (its expiry is a write,
-- for WAIT to be about) or 0
-- Returns {recovered, start, {id, payload, …}, last, more, skipped, excepted}

-- include: ids.lua
-- include: time.lua
-- include: entries.lua
-- include: walk.lua

local log, topic, after, touch_ms = KEYS[1], KEYS[2], ARGV[1], tonumber(ARGV[5])
if touch_ms > 0 and redis.call('PEXPIRE', topic, touch_ms) == 0 then return redis.error_reply('TRYAGAIN the node is not in the topic') end

-- From a place that is none of this log's: what has a later id was not seen there, whatever else is missing.
local start, recovered = last_id(log), true
if after ~= '' then
  recovered = is_known(log, after)
  if recovered or is_above(start, after) then start = after end
end
local reader = {cursors = {['*'] = '0-0', ['except *'] = '0-0'}, unread_only = false, session_id = ARGV[4]}
local page = walk(log, start, reader, {entries = tonumber(ARGV[2]), bytes = tonumber(ARGV[3])}, false)
return {recovered and 1 or 0, start, page_reply(page)}

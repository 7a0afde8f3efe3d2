-- attend_news: who has joined or left since.
--
-- KEYS: attendance
-- ARGV: id of the last entry that was read, or "", most entries to return
-- Returns {id of the last one now read, whether entries may be missing (1 0), entries}; if they may be, then none, and the id is where the stream ends.

local attendance, last, count = KEYS[1], ARGV[1], ARGV[2]

local newest = redis.call('XREVRANGE', attendance, '+', '-', 'COUNT', 1)[1]
local ends_at = newest and newest[1] or '0-0'

if last == ends_at then return {last, 0, {}} end
-- After an empty stream, too: nobody knows what was the first entry.
if last == '' or #redis.call('XRANGE', attendance, last, last) == 0 then return {ends_at, 1, {}} end
local entries = redis.call('XRANGE', attendance, '(' .. last, '+', 'COUNT', count)
return {entries[#entries][1], 0, entries}

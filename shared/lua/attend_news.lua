-- attend_news: who has joined or left since.
--
-- KEYS: attendance
-- ARGV: id of the last entry that was read, or "", most entries to return
-- Returns {id of the last one now read, whether entries may be missing (1 0), entries}. With "", nothing but where the stream ends.

local attendance, last, count = KEYS[1], ARGV[1], ARGV[2]

local function ends_at()
  local newest = redis.call('XREVRANGE', attendance, '+', '-', 'COUNT', 1)[1]
  return newest and newest[1] or '0-0'
end

if last == '' then return {ends_at(), 0, {}} end
if last ~= '0-0' and #redis.call('XRANGE', attendance, last, last) == 0 then return {ends_at(), 1, {}} end
local entries = redis.call('XRANGE', attendance, '(' .. last, '+', 'COUNT', count)
return {#entries > 0 and entries[#entries][1] or last, 0, entries}

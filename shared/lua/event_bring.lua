-- event_bring: one node at a time brings events to the backend. Takes or keeps that office, notes what was brought, and returns what comes next.
--
-- KEYS: events, bringer, brought
-- ARGV: node and boot, ttl ms of the office, id of the last event that was brought or "", most events to return
-- Returns {1, entries}; {0, {}} if another node has the office

-- include: ids.lua

local events, bringer, brought = KEYS[1], KEYS[2], KEYS[3]
local who, ttl_ms, done, count = ARGV[1], ARGV[2], ARGV[3], ARGV[4]

local place = redis.call('GET', brought) or '0-0'
-- Also of who has lost the office: the backend has it, whoever brings the next ones.
if done ~= '' and is_above(done, place) then
  redis.call('SET', brought, done)
  place = done
end
local holder = redis.call('GET', bringer)
if holder and holder ~= who then return {0, {}} end
redis.call('SET', bringer, who, 'PX', ttl_ms)
return {1, redis.call('XRANGE', events, '(' .. place, '+', 'COUNT', count)}

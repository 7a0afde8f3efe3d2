-- queue_leave: takes a consumer out of its group, unless it still holds entries: these would go with it.
--
-- KEYS: stream
-- ARGV: group, consumer
-- Returns 1 if it was taken out

if #redis.call('XPENDING', KEYS[1], ARGV[1], '-', '+', 1, ARGV[2]) > 0 then return 0 end
redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], ARGV[2])
return 1

-- queue_join: makes a stream's consumer group, and the stream, unless they are there. The group begins at the stream's first entry.
--
-- KEYS: stream
-- ARGV: group
-- Returns 1 if it was made, 0 if it was there

local made = redis.pcall('XGROUP', 'CREATE', KEYS[1], ARGV[1], '0', 'MKSTREAM')
if not made.err then return 1 end
if string.find(made.err, '^BUSYGROUP') then return 0 end
return made

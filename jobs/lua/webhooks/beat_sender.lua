-- beat_sender: a sender says that it lives and how many attempts it makes at a time.
--
-- ARGV[3]  sender                                                   ARGV[5]  slots
-- ARGV[4]  instance: host, process id and start, so that a namesake is noticed    ARGV[6]  how long this holds, ms
--
-- Returns the instance that the name belonged to, or '' if its heartbeat had run out.

local senders, key = PREFIX .. 'senders', PREFIX .. 's:' .. ARGV[3]
local until_ms = tonumber(redis.call('ZSCORE', senders, ARGV[3]) or 0)
local before = until_ms > NOW and redis.call('HGET', key, 'instance') or ''
if before ~= '' and before ~= ARGV[4] then return before end
redis.call('ZREMRANGEBYSCORE', senders, '-inf', NOW)
redis.call('ZADD', senders, NOW + tonumber(ARGV[6]), ARGV[3])
redis.call('HSET', key, 'instance', ARGV[4], 'slots', ARGV[5])
redis.call('PEXPIRE', key, FORGOTTEN_AFTER_MS)
return before

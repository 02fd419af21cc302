-- release_batch: a runner gives a batch up, and its token for good.
--
-- ARGV[3]  ref    ARGV[4]  token    ARGV[5]  how long nobody need look at it, ms
--
-- Returns 1, or 0 if the token no longer holds.

local batch = read_batch(ARGV[3])
if not holds_batch(batch, tonumber(ARGV[4])) then return 0 end
write_batch(batch, 'fence', batch.fence + 1)
redis.call('HDEL', tenant_key(batch.ref, 'batch'), 'runner')
look_at_batch(batch.ref, NOW + tonumber(ARGV[5]))
return 1

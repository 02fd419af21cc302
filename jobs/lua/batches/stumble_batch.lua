-- stumble_batch: a run has met what nobody expected; it is tried again after a pause, until it is given up.
--
-- ARGV[3]  ref    ARGV[4]  token    ARGV[5]  first pause, ms, which doubles
--
-- Returns how many runs in a row have ended badly, or nil if the token no longer holds.

local batch = read_batch(ARGV[3])
if not holds_batch(batch, tonumber(ARGV[4])) then return nil end
count_try(batch)
write_batch(batch, 'fence', batch.fence + 1)
redis.call('HDEL', tenant_key(batch.ref, 'batch'), 'runner')
look_at_batch(batch.ref, NOW + math.min(60000, tonumber(ARGV[5]) * 2 ^ math.max(0, batch.tries - 1)))
return batch.tries

-- claim_batch: take the lease of a batch that nobody holds.
--
-- ARGV[3]  ref    ARGV[4]  runner    ARGV[5]  lease, ms
--
-- Returns the token, or 0.

local batch = read_batch(ARGV[3])
if batch == nil then
  redis.call('ZREM', BATCHES, ARGV[3])
  return 0
end
local due = tonumber(redis.call('ZSCORE', BATCHES, batch.ref) or nil)
if not due or due > NOW then return 0 end
if batch.newer then
  redis.call('ZADD', BATCHES, NOW + tonumber(ARGV[5]), batch.ref)
  return 0
end
-- The clock is part of the token: a server that has lost its last writes must not give the same one again.
local token = math.max(batch.fence + 1, NOW)
write_batch(batch, 'fence', token, 'runner', ARGV[4])
redis.call('ZADD', BATCHES, NOW + tonumber(ARGV[5]), batch.ref)
return token

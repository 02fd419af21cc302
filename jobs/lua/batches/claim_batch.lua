-- claim_batch: take the lease of a batch that nobody holds.
--
-- ARGV[3]  ref    ARGV[4]  runner    ARGV[5]  lease, ms    ARGV[6]  '1' if the runner holds a suspect
--
-- A batch whose last runner has not given it up may be what that died of: this is counted. After two losses it is a
-- suspect, of which a runner holds one at a time, so that others are not counted with it.
--
-- Returns the token, or 0.

local SUSPECT_WAITS_MS = 5000
local batch, lease = read_batch(ARGV[3]), tonumber(ARGV[5])
if batch == nil then
  redis.call('ZREM', BATCHES, ARGV[3])
  return 0
end
local due = tonumber(redis.call('ZSCORE', BATCHES, batch.ref) or nil)
if not due or due > NOW then return 0 end
if batch.newer then
  redis.call('ZADD', BATCHES, NOW + lease, batch.ref)
  return 0
end
if batch.runner then
  local lived = due - lease - (batch.claimed or 0)
  if batch.status ~= 'validating' and not batch.given_up and lived >= PROVEN_MS then
    forget_tries(batch)
  else
    count_try(batch)
  end
  redis.call('HDEL', tenant_key(batch.ref, 'batch'), 'runner')
end
if ARGV[6] == '1' and is_suspect(batch) then
  redis.call('ZADD', BATCHES, NOW + SUSPECT_WAITS_MS, batch.ref)
  return 0
end
-- The clock is part of the token: a server that has lost its last writes must not give the same one again.
local token = math.max(batch.fence + 1, NOW)
write_batch(batch, 'fence', token, 'runner', ARGV[4], 'claimed', NOW)
redis.call('ZADD', BATCHES, NOW + lease, batch.ref)
return token

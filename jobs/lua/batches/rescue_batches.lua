-- rescue_batches: a runner is known to be dead; its batches are due without waiting for their leases.
--
-- ARGV[3]  runner
--
-- Returns how many it held. What it still does, where it is not dead, counts until somebody else has claimed.

local count = 0
for _, ref in ipairs(redis.call('ZRANGE', BATCHES, '(' .. NOW, '+inf', 'BYSCORE')) do
  local batch = read_batch(ref)
  if batch and not batch.newer and batch.runner == ARGV[3] then
    look_at_batch(ref, NOW)
    count = count + 1
  end
end
return count

-- retire_batches: forget batches that have ended long ago; files of theirs stay.
--
-- ARGV[3]  most
--
-- Returns how many were due.

local due = redis.call('ZRANGEBYSCORE', PREFIX .. 'ended_batches', '-inf', NOW, 'LIMIT', 0, tonumber(ARGV[3]))
for _, ref in ipairs(due) do
  local batch = read_batch(ref)
  if batch and batch.newer then
    redis.call('ZADD', PREFIX .. 'ended_batches', NOW + FORGOTTEN_AFTER_MS, ref)
  else
    local tenant, id = split(ref)
    redis.call('DEL', tenant_key(ref, 'batch'))
    redis.call('ZREM', owned_key(tenant, 'batches'), id)
    redis.call('ZREM', PREFIX .. 'ended_batches', ref)
  end
end
return #due

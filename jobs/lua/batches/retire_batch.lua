-- retire_batch: forget a batch that has ended long ago; files of its are left.
--
-- ARGV[3]  ref
--
-- Returns 1, or 0 where it is left alone.

local batch = read_batch(ARGV[3])
if batch and (batch.newer or not is_over(batch.status)) then return 0 end
local tenant, id = split(ARGV[3])
redis.call('DEL', tenant_key(ARGV[3], 'batch'))
redis.call('ZREM', owned_key(tenant, 'batches'), id)
redis.call('ZREM', PREFIX .. 'ended_batches', ARGV[3])
return 1

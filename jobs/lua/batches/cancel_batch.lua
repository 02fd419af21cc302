-- cancel_batch: ask for the end of a batch; whoever runs it sees to it.
--
-- ARGV[3]  ref
--
-- Returns 'missing', 'newer' or its status.

local batch = read_batch(ARGV[3])
if batch == nil then return 'missing' end
if batch.newer then return 'newer' end
if may_become(batch, 'cancelling') then
  become(batch, 'cancelling')
  if batch.runner then redis.call('PUBLISH', BATCHES, batch.ref) else look_at_batch(batch.ref, NOW) end
end
return batch.status

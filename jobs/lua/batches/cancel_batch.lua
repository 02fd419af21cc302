-- cancel_batch: ask for the end of a batch; whoever runs it sees to it. One that nobody runs, and of which nothing is to
-- be told, ends here.
--
-- ARGV[3]  ref
--
-- Returns 'missing', 'newer' or its status.

local batch = read_batch(ARGV[3])
if batch == nil then return 'missing' end
if batch.newer then return 'newer' end
if may_become(batch, 'cancelling') then
  become(batch, 'cancelling')
  local is_held = batch.runner and tonumber(redis.call('ZSCORE', BATCHES, batch.ref) or 0) > NOW
  if is_held then
    redis.call('PUBLISH', BATCHES, batch.ref)
  elseif batch.total then
    look_at_batch(batch.ref, NOW)
  else -- it was not valid yet
    end_as(batch, 'cancelled')
  end
end
return batch.status

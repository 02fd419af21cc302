-- start_batch: a batch is valid, and its lines may become jobs.
--
-- ARGV[3]  ref     ARGV[5]  how many lines it has    ARGV[7]  name of what says in which order they run
-- ARGV[4]  token   ARGV[6]  its model
--
-- Returns 1, also for a repeat, or 0 if the token no longer holds, or it is not validated any more.

local batch = read_batch(ARGV[3])
if not holds_batch(batch, tonumber(ARGV[4])) then return 0 end
if batch.status == 'in_progress' and batch.order == ARGV[7] then return 1 end
if not may_become(batch, 'in_progress') then return 0 end
become(batch, 'in_progress')
forget_tries(batch)
write_batch(batch, 'total', ARGV[5], 'model', ARGV[6], 'order', ARGV[7])
return 1

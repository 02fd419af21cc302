-- finalize_batch: nothing is added to the output of a batch any more.
--
-- ARGV[3]  ref    ARGV[4]  token
--
-- Returns 1, also for a repeat, 0 if the token no longer holds or the batch ends otherwise, or how many lines are not
-- told yet, as a negative number.

local batch = read_batch(ARGV[3])
if not holds_batch(batch, tonumber(ARGV[4])) then return 0 end
if batch.status == 'finalizing' then return 1 end
if not may_become(batch, 'finalizing') then return 0 end
local left = lines_left(batch, 'finalizing')
if left > 0 then return -left end
become(batch, 'finalizing')
return 1

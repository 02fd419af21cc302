-- erase: remove a final job at its owner's wish.
--
-- ARGV[3]  ref
--
-- Returns 'missing', 'newer', 'not final' or 'erased'.

local job = read_job(ARGV[3])
if job == nil then return 'missing' end
if job.newer then return 'newer' end
if next(MOVES[job.state]) ~= nil then return 'not final' end
erase(job)
return 'erased'

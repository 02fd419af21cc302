-- cancel: end a queued job now; ask the worker of a running one.
--
-- ARGV[3]  ref
--
-- Returns 'missing', 'final', 'cancelled' or 'requested'.

local job = read_job(ARGV[3])
if job == nil then return 'missing' end
if next(MOVES[job.state]) == nil then return 'final' end
if not job.cancel then put(job, 'cancel', NOW, 'version', job.version + 1) end
if job.state == 'queued' then
  finalise(job, 'cancelled')
  return 'cancelled'
end
wake(job)
redis.call('PUBLISH', PREFIX .. 'c:' .. job.worker, job.ref)
return 'requested'

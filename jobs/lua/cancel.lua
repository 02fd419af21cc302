-- cancel: end a queued job, or one that follows another, now; ask the worker of a running one.
--
-- ARGV[3]  ref
-- ARGV[4]  the state that it must be in, or ''
--
-- Returns 'missing', 'newer', 'final', 'elsewhere' (in another state), 'cancelled' or 'requested'.

local job = read_job(ARGV[3])
if job == nil then return 'missing' end
if job.newer then return 'newer' end
if is_final(job) then return 'final' end
if ARGV[4] ~= '' and job.state ~= ARGV[4] then return 'elsewhere' end
if not job.cancel then put(job, 'cancel', NOW, 'version', job.version + 1) end
if job.state == 'queued' or job.place == 'following' then
  finalise(job, 'cancelled')
  return 'cancelled'
end
wake(job)
redis.call('PUBLISH', PREFIX .. 'c:' .. job.worker, job.ref)
return 'requested'

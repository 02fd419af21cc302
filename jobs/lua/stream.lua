-- stream: somebody reads a job's tokens as they come; its worker flushes them at once from now on.
--
-- ARGV[3]  ref
--
-- Returns 'open' while more tokens may come, 'over', or 'newer'.

local job = read_job(ARGV[3])
if job == nil then return 'over' end
if job.newer then return 'newer' end
if is_final(job) then return 'over' end
if not job.streamed then
  put(job, 'streamed', 1)
  if job.state == 'running' then redis.call('PUBLISH', PREFIX .. 'c:' .. job.worker, job.ref) end
end
return 'open'

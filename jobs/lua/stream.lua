-- stream: somebody reads a job's tokens as they come; its worker flushes them at once from now on.
--
-- ARGV[3]  ref
--
-- Returns 1 while more tokens may come, else 0.

local job = read_job(ARGV[3])
if job == nil or next(MOVES[job.state]) == nil then return 0 end
if not job.streamed then
  put(job, 'streamed', 1)
  if job.state == 'running' then redis.call('PUBLISH', PREFIX .. 'c:' .. job.worker, job.ref) end
end
return 1

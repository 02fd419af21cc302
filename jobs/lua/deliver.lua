-- deliver: what became of the answer to the request that waited for a job.
--
-- ARGV[3]  ref
-- ARGV[4]  '1' if it arrived, '0' if it is known to be lost
--
-- Returns 1, or 0 if nobody waited for it in the foreground, or its answer arrived before.

local job = read_job(ARGV[3])
if job == nil or job.newer or not job.fore then return 0 end
local key = foreground_key(job.ref, job.fore)
if ARGV[4] == '1' then
  redis.call('ZREM', key, job_id(job.ref))
  drop(job, 'fore')
else
  redis.call('ZADD', key, 'XX', -NOW, job_id(job.ref))
  redis.call('PEXPIRE', key, ATTACHES_FOR_MS)
end
return 1

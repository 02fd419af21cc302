-- put_back: a worker that is shutting down returns a dispatched job unclaimed.
--
-- ARGV[3]  job id
-- ARGV[4]  model
--
-- Returns 1, or 0 if the job is not in the window.

local tenant = redis.call('HGET', model_key(ARGV[4], 'window'), ARGV[3])
local job = tenant and read_job(tenant .. '/' .. ARGV[3])
if not job or job.newer then return 0 end
leave_place(job)
enter_queue(job)
return 1

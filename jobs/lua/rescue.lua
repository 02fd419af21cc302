-- rescue: a worker is known to be dead; give its jobs back without waiting for their leases.
--
-- ARGV[3]  worker
--
-- Returns how many jobs it held. Each loss is counted: the worker may have died of one of them.

local worker = ARGV[3]
local refs = redis.call('SMEMBERS', worker_jobs_key(worker))
for _, ref in ipairs(refs) do
  local job = read_job(ref)
  if job and not job.newer and job.state == 'running' and job.worker == worker then rescue(job) end
end
redis.call('DEL', worker_jobs_key(worker))
local model = redis.call('HGET', worker_key(worker), 'model')
if model then
  redis.call('ZREM', model_key(model, 'workers'), worker)
  redis.call('HDEL', model_key(model, 'slots'), worker)
end
redis.call('DEL', worker_key(worker))
return #refs

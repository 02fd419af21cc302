-- Where a job is: queued it is in one place, its flow's queue, the window (in the broker), delayed (in watch alone), or
-- behind the leader that it follows, also while that runs; running it is with a worker.

-- When a queued job expires: its deadline, or the time by which it had to start.
local function expires_at(job)
  if job.start_by and not job.started then return math.min(job.deadline, job.start_by) end
  return job.deadline
end

-- A job that is to wait again takes back what its flow has paid for it.
local function take_back_price(job)
  if not job.paid then return end
  policy_settle(job, 0)
  drop(job, 'paid')
end

local function enter_queue(job)
  take_back_price(job)
  policy_add(job, job.led and sharing().lift(job) or expires_at(job))
  put(job, 'place', 'queue')
  look_at(job, expires_at(job))
end

-- Jobs that wait for their time are counted, all of a model's and each tenant's. When there are none, nothing is kept,
-- so that what a release without the second count has missed is forgotten.
local function count_delay(job)
  local tenant = split(job.ref)
  redis.call('HINCRBY', model_key(job.model, 'waiting'), 'delayed', 1)
  redis.call('HINCRBY', model_key(job.model, 'delayed'), tenant, 1)
end
local function uncount_delay(job)
  local tenant = split(job.ref)
  local waiting, delayed = model_key(job.model, 'waiting'), model_key(job.model, 'delayed')
  if count_one_less(waiting, 'delayed') then
    redis.call('DEL', delayed)
  else
    count_one_less(delayed, tenant)
  end
end

local function leave_place(job)
  if job.place == 'queue' then
    policy_remove(job)
  elseif job.place == 'delayed' then
    uncount_delay(job)
  elseif job.place == 'window' then
    redis.call('HDEL', model_key(job.model, 'window'), job_id(job.ref))
    forget_interactive(job)
  end
  drop(job, 'place')
end

-- A new job waits for its turn, or for the run of `leader`, which will have its result.
local function enter(job, digest, leader)
  if digest ~= '' then put(job, 'run', digest) end
  if leader then
    sharing().follow(job, leader)
  else
    if digest ~= '' then sharing().lead(job) end
    enter_queue(job)
  end
end

local function enter_delay(job, until_ms)
  take_back_price(job)
  count_delay(job)
  put(job, 'place', 'delayed', 'not_before', until_ms)
  look_at(job, math.min(until_ms, expires_at(job)))
end

local function start_running(job, worker, lease_ms)
  if not job.paid then put(job, 'paid', policy_charge(job)) end
  leave_place(job)
  move(job, 'running')
  put(job, 'worker', worker, 'lease', NOW + lease_ms)
  redis.call('SADD', model_key(job.model, 'running'), job.ref)
  note_interactive(job)
  redis.call('SADD', worker_jobs_key(worker), job.ref)
  look_at(job, NOW + lease_ms)
end

local function stop_running(job)
  redis.call('SREM', model_key(job.model, 'running'), job.ref)
  forget_interactive(job)
  if job.worker then
    redis.call('SREM', worker_jobs_key(job.worker), job.ref)
    if redis.call('HGET', worker_key(job.worker), 'reserved') == job.ref then
      redis.call('HDEL', worker_key(job.worker), 'reserved', 'reserved_until')
    end
  end
end

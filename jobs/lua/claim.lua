-- claim: take the lease of a dispatched job.
--
-- ARGV[3]  job id (the message carries no more)
-- ARGV[4]  model
-- ARGV[5]  worker
-- ARGV[6]  lease, ms
-- ARGV[7]  '1' if the engine can go on from emitted tokens
-- ARGV[8]  id of this claim: the same again means that the answer was lost on the way
--
-- A suspect (two lost leases) runs alone: its claim reserves the worker, waits until the rest has
-- ended, and keeps new claims waiting until its own attempt is over.
--
-- A worker that runs as many jobs as it has slots, while another has one free, passes the job on: back to its place in
-- the queue. It does so once per job, so that one which lives but does not listen keeps nothing waiting.
--
-- A job that its engine cannot continue begins anew, unless a reader has seen of its tokens: then it fails. So do
-- those who follow it of whose readers that is true.
--
-- Returns {'claimed', tenant, token, attempt, run_ms, ends_as, deadline_ms, wait_ms, tokens wasted, prompt tokens and microseconds of an
-- engine that attempts have reported, others waiting, 1 if it goes before those that wait in the engine,
-- 1 if a webhook tells its result, 1 if somebody reads its tokens,
-- digest of what it asks for or '', how long its result is kept for others, ms, or 0, 1 if others may wait for its run,
-- trace or '', token of its first lease or 0, spec, token chunks…},
-- {'wait'} or {'skipped', why}.

local id, model, worker, lease_ms = ARGV[3], ARGV[4], ARGV[5], tonumber(ARGV[6])

-- Whoever waits asks again and again, so the message is not lost and need not be published again.
local function wait(job)
  look_at(job, math.min(NOW + lease_ms, expires_at(job)))
  return {'wait'}
end

local function answer(job, goes_first)
  local tenant = split(job.ref)
  local run_ms, ends_as = job.run_until - NOW, 'failed'
  if job.deadline < job.run_until then run_ms, ends_as = job.deadline - NOW, 'expired' end
  local reply = {'claimed', tenant, job.fence, job.attempt, run_ms, ends_as, job.deadline - NOW, job.claimed - job.created,
    job.wasted or 0, job.prompt or 0, job.engine or 0, redis.call('HLEN', model_key(model, 'window')), goes_first and 1 or 0,
    job.hook == '2' and 1 or 0,
    job.streamed and 1 or 0, job.same or '', job.keep or 0, job.run and 1 or 0,
    job.trace or '', job.first_fence or 0, redis.call('GET', tenant_key(job.ref, 'spec'))}
  for _, chunk in ipairs(redis.call('LRANGE', tenant_key(job.ref, 'tokens'), 0, -1)) do reply[#reply + 1] = chunk end
  return reply
end

local function free_slots(name)
  local slots = redis.call('HGET', model_key(model, 'slots'), name)
  return slots and tonumber(slots) - redis.call('SCARD', worker_jobs_key(name))
end

local function another_is_better()
  local own = free_slots(worker)
  if not own or own > 0 then return false end
  local is_alive, found = false, false
  for _, name in ipairs(redis.call('ZRANGEBYSCORE', model_key(model, 'workers'), '(' .. NOW, '+inf')) do
    if name == worker then
      is_alive = true
    elseif (free_slots(name) or 0) > 0 then
      local kept_until = tonumber(redis.call('HGET', worker_key(name), 'reserved_until') or 0)
      found = found or kept_until <= NOW
    end
  end
  return is_alive and found
end

local tenant = redis.call('HGET', model_key(model, 'window'), id)
if not tenant then
  for _, ref in ipairs(redis.call('SMEMBERS', worker_jobs_key(worker))) do
    local _, held = split(ref)
    local job = held == id and read_job(ref)
    if job and job.claim_id == ARGV[8] then return answer(job, false) end
  end
  return {'skipped', 'not dispatched'}
end
local job = read_job(tenant .. '/' .. id)
if job == nil then
  redis.call('HDEL', model_key(model, 'window'), id)
  redis.call('SREM', model_key(model, 'interactive'), tenant .. '/' .. id)
  return {'skipped', 'missing'}
end
if job.newer then return {'skipped', 'written by a newer release'} end
if NOW >= expires_at(job) then
  finalise(job, 'expired', job.deadline <= NOW and 'deadline_exceeded' or 'not_started_in_time')
  return {'skipped', 'expired'}
end
local must_restart = ARGV[7] ~= '1' and (job.emitted or 0) > 0
if must_restart and job.led then sharing().end_those_who_saw(job) end
if must_restart and job.seen then
  finalise(job, 'failed', 'stream_lost')
  dead_letter(job)
  return {'skipped', 'its tokens were read'}
end

local who = worker_key(worker)
local reserved = redis.call('HGET', who, 'reserved')
if reserved and reserved ~= job.ref and tonumber(redis.call('HGET', who, 'reserved_until')) > NOW then return wait(job) end
if (job.lost or 0) >= SUSPECT_AFTER then
  local busy = redis.call('SCARD', worker_jobs_key(worker)) > 0
  redis.call('HSET', who, 'reserved', job.ref, 'reserved_until', busy and NOW + 5000 or job.deadline)
  redis.call('PEXPIRE', who, FORGOTTEN_AFTER_MS)
  if busy then return wait(job) end
end

if not job.passed_on and another_is_better() then
  leave_place(job)
  put(job, 'passed_on', 1)
  enter_queue(job)
  return {'skipped', 'another worker has room'}
end

-- The clock is part of the token: a server that has lost its last writes must not give the same one again.
local goes_first = job.class ~= 'batch' and runs_nothing(tenant)
put(job, 'attempt', (job.failures or 0) + (job.lost or 0) + 1)
start_running(job, worker, lease_ms)
put(job, 'fence', math.max((job.fence or 0) + 1, NOW), 'claimed', NOW, 'run_until', NOW + job.timeout, 'claim_id', ARGV[8])
drop(job, 'rescued', 'not_before', 'dispatches', 'passed_on')
if not job.started then put(job, 'started', NOW) end
if is_traced(job) and not job.first_fence then put(job, 'first_fence', job.fence) end
local thrown_away = (must_restart and job.emitted or 0) + (job.unsaved or 0)
if thrown_away > 0 then put(job, 'wasted', (job.wasted or 0) + thrown_away) end
if job.unsaved then drop(job, 'unsaved') end
if must_restart then
  put(job, 'emitted', 0)
  redis.call('DEL', tenant_key(job.ref, 'tokens'))
end
return answer(job, goes_first)

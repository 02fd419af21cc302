-- sweep: look at every job whose time has come. Any process may sweep, at any time.
--
-- ARGV[3]  lease, ms
-- ARGV[4]  first republish grace, ms
-- ARGV[5]  longest republish grace, ms
-- ARGV[6]  most jobs per call
-- ARGV[7]  a pause between sweeps longer than this was an outage, ms
--
-- Rescues jobs of lost workers, expires what is past its deadline, stages retries, finds stranded messages
-- (without a worker to read them, their jobs go back to the queue), erases retired jobs and forgets old deliveries.
-- After a gap in sweeping (Redis or everything was away) leases are only extended, once: their holders had no chance
-- to renew.
--
-- Returns {1 if more are due than one call may look at, else 0, model, id, trace or '', model, id, trace …}: the messages
-- to publish again.

local UNFORGOTTEN_MS = 3600000
local lease_ms, most = tonumber(ARGV[3]), tonumber(ARGV[6])
local last = tonumber(redis.call('GET', PREFIX .. 'tick') or NOW)
redis.call('SET', PREFIX .. 'tick', NOW)
if NOW - last > tonumber(ARGV[7]) then
  for _, ref in ipairs(redis.call('ZRANGEBYSCORE', WATCH, '-inf', NOW + lease_ms)) do
    local job = read_job(ref)
    if job and not job.newer and job.state == 'running' and job.place ~= 'following' then
      put(job, 'lease', NOW + lease_ms)
      look_at(job, NOW + lease_ms)
    end
  end
end

local due = redis.call('ZRANGEBYSCORE', WATCH, '-inf', NOW, 'LIMIT', 0, most)
local stranded = {0}
for _, ref in ipairs(due) do
  local job = read_job(ref)
  if job == nil then
    redis.call('ZREM', WATCH, ref)
  elseif job.newer then
    look_at(job, NOW + lease_ms)
  elseif is_final(job) then
    redis.call('ZREM', WATCH, ref)
  elseif job.state == 'running' and job.place ~= 'following' then
    rescue(job)
  elseif NOW >= expires_at(job) then
    finalise(job, 'expired', job.deadline <= NOW and 'deadline_exceeded' or 'not_started_in_time')
  elseif job.place == 'following' then
    sharing().look_at_leader(job)
  elseif job.place == 'delayed' then
    leave_place(job)
    drop(job, 'not_before')
    enter_queue(job)
  elseif job.place == 'window' and live_slots(job.model) == 0 then
    leave_place(job)
    enter_queue(job)
  elseif job.place == 'window' then
    local grace = math.min(tonumber(ARGV[4]) * 2 ^ job.dispatches, tonumber(ARGV[5]))
    put(job, 'dispatches', job.dispatches + 1)
    look_at(job, math.min(NOW + grace, expires_at(job)))
    count(job.model, 'stranded')
    local _, id = split(ref)
    stranded[#stranded + 1] = job.model
    stranded[#stranded + 1] = id
    stranded[#stranded + 1] = is_traced(job) and job.trace or ''
  else
    look_at(job, expires_at(job))
  end
end

local retiring = redis.call('ZRANGEBYSCORE', RETIRE, '-inf', NOW, 'LIMIT', 0, most)
for _, ref in ipairs(retiring) do
  local job = read_job(ref)
  if job == nil then
    redis.call('ZREM', RETIRE, ref)
  elseif job.newer then
    redis.call('ZADD', RETIRE, NOW + lease_ms, ref)
  elseif is_awaited(job) then
    redis.call('ZADD', RETIRE, NOW + UNFORGOTTEN_MS, ref)
  else
    erase(job)
    if not job.batch then redis.call('ZADD', GONE, NOW + FORGOTTEN_AFTER_MS, ref) end
  end
end
redis.call('ZREMRANGEBYSCORE', GONE, '-inf', NOW)

local forgotten = redis.call('ZRANGEBYSCORE', FORGET, '-inf', NOW, 'LIMIT', 0, most)
for _, ref in ipairs(forgotten) do
  local delivery = read_delivery(ref)
  if delivery == nil then
    redis.call('ZREM', FORGET, ref)
  elseif delivery.newer or delivery.status == 'pending' then
    redis.call('ZADD', FORGET, NOW + UNFORGOTTEN_MS, ref)
  else
    forget(delivery)
  end
end
redis.call('ZREMRANGEBYSCORE', CIRCUITS .. 'keys', '-inf', NOW)
if #due == most or #retiring == most or #forgotten == most then stranded[1] = 1 end
return stranded

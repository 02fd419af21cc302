-- The end of a job: what it settles, where it is listed no more, and who hears of it.

-- What the end of a job is called among events: a job made by /v1/responses has the words of that interface.
local function event_of_end(job, to, finish_reason)
  if string.sub(job_id(job.ref), 1, 5) ~= 'resp_' then return 'job.' .. to end
  if to == 'succeeded' then return finish_reason == 'length' and 'response.incomplete' or 'response.completed' end
  return 'response.' .. (to == 'expired' and 'failed' or to)
end

-- Nobody follows a job from now on, unless another one leads by now.
local function lead_no_more(job)
  local tenant, id = split(job.ref)
  if redis.call('GET', same_key(tenant, job.run)) == id then redis.call('DEL', same_key(tenant, job.run)) end
end

-- The end of a line is no event: it waits for the runner of its batch, who hears of it.
local function end_line(job)
  local tenant, id = split(job.ref)
  redis.call('ZADD', ended_key(tenant, job.batch), NOW, id)
  redis.call('PUBLISH', PREFIX .. 'batches', tenant .. '/' .. job.batch)
end

local function tell_of_end(job, to, code, told, finish_reason)
  local tenant, id = split(job.ref)
  local name = event_of_end(job, to, finish_reason)
  local entry = list_event(tenant, name, id, job.model)
  if not job.hook and redis.call('EXISTS', owned_key(tenant, 'endpoints')) == 0 then return end
  if code and not told then
    local message = string.gsub(rules().ends[code].message, '{lost}', tostring(job.lost or 0))
    told = '"error":' .. cjson.encode({code = rules().ends[code].code, message = message})
  end
  tell_of_job(job, name, entry, told)
end

-- Make a job final, and tell of it. `code` names the end in jobs.unattended where no worker has described it, `told`
-- is the JSON of what a worker has to say of it: its members, without braces. `spent` is the tokens that it has used: of
-- a job that has not run it is none, and where a running one ends without a word of its worker, the estimate stands.
-- `used` is what is counted as usage, as `count_usage` takes it; without it, what the record knows.
local function finalise(job, to, code, told, finish_reason, spent, used)
  local is_follower = job.place == 'following'
  if is_follower then
    settle_budgets(job, 0) -- nothing was generated for it
  elseif job.state == 'queued' then
    local by_then = used_by_then(job, code)
    settle_budgets(job, (by_then.prompt or 0) + by_then.completion)
  else
    settle_budgets(job, spent)
  end
  if job.state == 'queued' then spent = 0 end
  if job.paid and spent then policy_settle(job, spent) end
  if is_follower then
    sharing().part(job)
  elseif job.state == 'running' then
    stop_running(job)
  else
    leave_place(job)
  end
  if job.own_class then
    put(job, 'class', job.own_class)
    drop(job, 'own_class')
  end
  drop(job, 'lease', 'run_until', 'not_before', 'place', 'rescued', 'claim_id', 'streamed', 'seen', 'paid',
    'charged')
  put(job, 'finished', NOW, 'retire', NOW + job.retention)
  if code then put(job, 'code', code) end
  redis.call('ZREM', WATCH, job.ref)
  redis.call('ZADD', RETIRE, job.retire, job.ref)
  move(job, to)
  count(job.model, to)
  count_usage(job, to, used or used_by_then(job, code))
  if job.batch then end_line(job) else tell_of_end(job, to, code, told, finish_reason) end
  if job.run and not is_follower then
    if job.led then sharing().ended(job, to, code) end
    lead_no_more(job)
  end
end

local function dead_letter(job)
  if job.batch then return end -- its batch tells of it
  if redis.call('ZADD', dead_key(job.ref), NOW, job_id(job.ref)) == 1 then count(job.model, 'dead') end
end

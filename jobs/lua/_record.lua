-- Shared by every move of a job: where its parts are kept, and the few steps that moves are made of.

local WATCH = PREFIX .. 'watch'
local RETIRE = PREFIX .. 'retire'
local GONE = PREFIX .. 'gone'
local FORGOTTEN_AFTER_MS = 86400000
local SUSPECT_AFTER = 2
local ATTACHES_FOR_MS = 900000 -- a retry to the job of an undelivered try, from then on; OpenAI's clients wait 600 s each time

local function worker_key(worker) return PREFIX .. 'w:' .. worker end
local function worker_jobs_key(worker) return PREFIX .. 'w:' .. worker .. ':jobs' end
local function state_key(job, state)
  local tenant = split(job.ref)
  return owned_key(tenant, (job.batch and 'b:' .. job.batch .. ':' or '') .. 'state:' .. state)
end
local function ended_key(tenant, batch) return owned_key(tenant, 'b:' .. batch .. ':ended') end
local function foreground_key(ref, fingerprint)
  local tenant = split(ref)
  return PREFIX .. 't:' .. tenant .. ':fore:' .. fingerprint
end
local function job_id(ref)
  local _, id = split(ref)
  return id
end
local function same_key(tenant, digest) return PREFIX .. 't:' .. tenant .. ':same:' .. digest end
local function dead_key(ref)
  local tenant = split(ref)
  return PREFIX .. 't:' .. tenant .. ':dead'
end

local make_sharing -- _sharing.lua
local made_sharing = nil
local function sharing() -- made for those moves alone that meet followers
  made_sharing = made_sharing or make_sharing()
  return made_sharing
end

local NUMBERS = {'schema', 'version', 'seq', 'created', 'deadline', 'start_by', 'timeout', 'retention', 'max', 'cost',
  'fence', 'failures', 'lost', 'attempt', 'lease', 'run_until', 'claimed', 'started', 'emitted', 'wasted', 'settled',
  'rescued', 'cancel', 'not_before', 'dispatches', 'finished', 'retire', 'paid', 'charged', 'prompt', 'cached', 'engine',
  'unsaved', 'keep'}
local function read_job(ref) return read_record(ref, 'job', NUMBERS) end

-- Whether a retry finds a job that was asked for, or lost, then: nil for none any more.
local function attaches(job, heard_of)
  return job and not job.newer and not job.cancel and NOW - math.abs(tonumber(heard_of)) < ATTACHES_FOR_MS
end

local function put(job, ...)
  local pairs_ = {...}
  redis.call('HSET', tenant_key(job.ref, 'job'), unpack(pairs_))
  for i = 1, #pairs_, 2 do job[pairs_[i]] = pairs_[i + 1] end
end

local function drop(job, ...)
  redis.call('HDEL', tenant_key(job.ref, 'job'), ...)
  for _, name in ipairs({...}) do job[name] = nil end
end

-- A line is a job of a batch; a release that knows no lines leaves it alone.
local function usual_schema(job) return job.batch and LINE_SCHEMA or USUAL_SCHEMA end

-- A job is listed by its state, a line with those of its batch. Lines that are open are listed once more, with those of
-- all of the tenant's batches, so that what counts its open jobs finds them.
local function list_as(job, state)
  local tenant, id = split(job.ref)
  redis.call('ZADD', state_key(job, state), job.seq, id)
  if job.batch and next(moves_from(state)) then redis.call('ZADD', owned_key(tenant, 'lines:' .. state), job.seq, id) end
end
local function unlist(job)
  local tenant, id = split(job.ref)
  redis.call('ZREM', state_key(job, job.state), id)
  if job.batch then redis.call('ZREM', owned_key(tenant, 'lines:' .. job.state), id) end
end

-- Whether no job of a tenant runs, whatever the model.
local function runs_nothing(tenant)
  return redis.call('EXISTS', owned_key(tenant, 'state:running'), owned_key(tenant, 'lines:running')) == 0
end

local function look_at(job, at) redis.call('ZADD', WATCH, at, job.ref) end

local function wake(job) redis.call('PUBLISH', tenant_key(job.ref, 'wake'), job.version) end

-- Change the state, if the table permits it.
local function move(job, to)
  local from = job.state
  if not moves_from(from)[to] then
    error('a job cannot move from ' .. from .. ' to ' .. to)
  end
  unlist(job)
  list_as(job, to)
  put(job, 'state', to, 'version', job.version + 1)
  wake(job)
  if job.led and (to == 'running' or to == 'queued') then sharing().go_along(job) end
end

-- How many sequences the live workers of a model run at the same time.
local function live_slots(model)
  local slots = 0
  for _, worker in ipairs(redis.call('ZRANGEBYSCORE', model_key(model, 'workers'), '(' .. NOW, '+inf')) do
    slots = slots + tonumber(redis.call('HGET', model_key(model, 'slots'), worker) or 0)
  end
  return slots
end

-- How many more jobs the window of a model takes: its workers' slots and a small margin, less what fills them; none
-- while the model is paused. Second, how many jobs of other classes than interactive may enter it: where slots are
-- reserved, those run in the rest alone, which is one slot at least. Third, how many more newcomers may enter it when
-- it is full.
local function room_in_window(model)
  local slots = live_slots(model)
  if slots == 0 or redis.call('HGET', model_key(model, 'mode'), 'mode') == 'paused' then return 0, 0, 0 end
  local busy = redis.call('SCARD', model_key(model, 'running')) + redis.call('HLEN', model_key(model, 'window'))
  local margin = math.max(2, math.floor(slots / 8))
  local room = slots + margin - busy
  local reserved = redis.call('GET', model_key(model, 'reserved'))
  if not reserved then return room, math.huge, margin end
  if busy == 0 then redis.call('DEL', model_key(model, 'interactive')) end -- what an older release has not taken out
  local others = busy - redis.call('SCARD', model_key(model, 'interactive'))
  return room, math.max(1, slots - tonumber(reserved)) - others, margin
end

-- Whether a job is the only one of its tenant that runs or is in the window. Work of class batch is patient, it never is.
local function is_newcomer(model, tenant, class)
  if class == 'batch' or not runs_nothing(tenant) then return false end
  for _, other in ipairs(redis.call('HVALS', model_key(model, 'window'))) do
    if other == tenant then return false end
  end
  return true
end

-- Interactive jobs in the window or running are known by name, so that those of other classes can be counted.
local function note_interactive(job)
  if job.class == 'interactive' then redis.call('SADD', model_key(job.model, 'interactive'), job.ref) end
end
local function forget_interactive(job)
  if job.class == 'interactive' then redis.call('SREM', model_key(job.model, 'interactive'), job.ref) end
end

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

-- A queued job is in one place: its flow's queue, the window (in the broker), delayed (in watch alone), or behind the
-- leader that it follows, also while that runs.
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

-- Record a new job, queued but in no place yet; `deadline` is an instant, `timeout` and `retention` last, all in ms.
-- `batch` is the id of the batch of which it is a line, or nil.
local function begin(ref, spec, model, class, key, cost, deadline, timeout, retention, max, batch)
  local job = {ref = ref}
  if batch then put(job, 'batch', batch) end
  put(job, 'schema', usual_schema(job), 'state', 'queued', 'version', 1, 'seq', redis.call('INCR', PREFIX .. 'seq'),
    'model', model, 'created', NOW, 'deadline', deadline, 'timeout', timeout, 'retention', retention,
    'max', max, 'cost', cost, 'key', key)
  if class ~= 'standard' then put(job, 'class', class) end
  redis.call('SET', tenant_key(ref, 'spec'), spec)
  list_as(job, 'queued')
  redis.call('SADD', PREFIX .. 'models', model)
  return job
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
  count_usage(job, to, used or used_by_then(job, code))
  if job.batch then end_line(job) else tell_of_end(job, to, code, told, finish_reason) end
  if job.run and not is_follower then
    if job.led then sharing().ended(job, to, code) end
    lead_no_more(job)
  end
end

local function dead_letter(job)
  if job.batch then return end -- its batch tells of it
  local _, id = split(job.ref)
  redis.call('ZADD', dead_key(job.ref), NOW, id)
end

-- A job whose worker is lost: back to its old place, or its end.
local function rescue(job)
  stop_running(job)
  put(job, 'lost', (job.lost or 0) + 1, 'rescued', job.fence)
  drop(job, 'lease')
  if job.cancel then
    finalise(job, 'cancelled')
  elseif NOW >= job.deadline then
    finalise(job, 'expired', 'deadline_exceeded')
  elseif job.lost > SUSPECT_AFTER then
    finalise(job, 'failed', 'worker_lost')
    dead_letter(job)
  else
    move(job, 'queued')
    enter_queue(job)
  end
end

-- Whether a token still holds the right to run. After a rescue it does until somebody else has claimed.
local function holds(job, token)
  if job == nil or job.newer or job.fence ~= token then return false end
  return job.state == 'running' or (job.state == 'queued' and job.rescued == token)
end

-- What a holder changes in a rescued job makes it its own again, and the loss is not counted.
local function take_back(job, lease_ms)
  if job.state == 'running' then return end
  start_running(job, job.worker, lease_ms)
  put(job, 'lost', job.lost - 1)
  drop(job, 'rescued')
end

-- A holder gives its job up, uncounted, and its token for good; the caller says where the job goes. False if the
-- token no longer holds.
local function give_up(job, token, lease_ms)
  if not holds(job, token) then return false end
  take_back(job, lease_ms)
  stop_running(job)
  put(job, 'fence', job.fence + 1)
  drop(job, 'lease', 'claim_id')
  return true
end

-- Whether the result of a line has not gone into its batch's output yet.
local function is_awaited(job)
  if not job.batch then return false end
  local tenant, id = split(job.ref)
  return redis.call('ZSCORE', ended_key(tenant, job.batch), id) ~= false
end

-- Erase every trace of a final job.
local function erase(job)
  local tenant, id = split(job.ref)
  if job.fore then redis.call('ZREM', foreground_key(job.ref, job.fore), id) end
  if job.idem then redis.call('DEL', PREFIX .. 't:' .. tenant .. ':idem:' .. job.idem) end
  unlist(job)
  redis.call('ZREM', dead_key(job.ref), id)
  redis.call('ZREM', RETIRE, job.ref)
  for _, kind in ipairs({'job', 'spec', 'hook', 'tokens', 'log', 'out'}) do redis.call('DEL', tenant_key(job.ref, kind)) end
end

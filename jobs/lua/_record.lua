-- Shared by every move of a job: where its parts are kept, by what it is listed, and how it begins and is erased.

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
  'unsaved', 'keep', 'first_fence'}
local function read_job(ref) return read_record(ref, 'job', NUMBERS) end

-- Whether its spans are recorded, as jobs.traceparent marks it.
local function is_traced(job) return job.trace and string.sub(job.trace, -2) == '-r' end

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

-- What has happened to jobs of a model, counted where it happens, so that nobody's death makes a count fall.
local function count(model, what) redis.call('HINCRBY', model_key(model, 'counts'), what, 1) end

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

-- Whether the result of a line has not gone into its batch's output yet.
local function is_awaited(job)
  if not job.batch then return false end
  local tenant, id = split(job.ref)
  return redis.call('ZSCORE', ended_key(tenant, job.batch), id) ~= false
end

-- A job is a dead letter no more.
local function bury(job)
  if redis.call('ZREM', dead_key(job.ref), job_id(job.ref)) == 1 then
    count_one_less(model_key(job.model, 'counts'), 'dead')
  end
end

-- Erase every trace of a final job.
local function erase(job)
  local tenant, id = split(job.ref)
  if job.fore then redis.call('ZREM', foreground_key(job.ref, job.fore), id) end
  if job.idem then redis.call('DEL', PREFIX .. 't:' .. tenant .. ':idem:' .. job.idem) end
  unlist(job)
  bury(job)
  redis.call('ZREM', RETIRE, job.ref)
  for _, kind in ipairs({'job', 'spec', 'hook', 'tokens', 'log', 'out'}) do redis.call('DEL', tenant_key(job.ref, kind)) end
end

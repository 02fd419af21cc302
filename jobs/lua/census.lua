-- census: how all models, workers, deliveries and batches stand. Changes nothing.
--
-- It looks at models, at workers, and of jobs at those alone that go next, however many there are.
--
-- Returns JSON: {models: {name: {waiting: {class: jobs}, waiting_tokens, oldest: {class: age of the job that goes next, ms},
-- delayed, dispatched, running, workers: [{slots, gauges}], job_ms, job_tokens, counts: {what: how many}}},
-- deliveries: {pending, flying, overdue: for how long the first has been due, ms}, senders, batches}. What is not known is
-- absent.

-- A number of a hash; 0 where it is absent, or below 0: a release that does not keep it may have taken its part away.
local function at_least_0(number) return math.max(0, tonumber(number or 0) or 0) end

local function age_of_next(model, class)
  local flow = redis.call('ZRANGE', flows_key(model, class), 0, 0)[1]
  if not flow then return nil end
  local _, tenant = split(flow)
  local entry = redis.call('ZRANGE', flow_key(model, flow), 0, 0)[1]
  local created = entry and redis.call('HGET', tenant_key(tenant .. '/' .. string.sub(entry, 14), 'job'), 'created')
  return created and at_least_0(NOW - tonumber(created)) or nil
end

local function workers_of(model)
  local found = {}
  for _, name in ipairs(redis.call('ZRANGEBYSCORE', model_key(model, 'workers'), '(' .. NOW, '+inf')) do
    found[#found + 1] = {
      slots = at_least_0(redis.call('HGET', model_key(model, 'slots'), name)),
      gauges = redis.call('HGET', worker_key(name), 'gauges') or nil,
    }
  end
  return found
end

local function stand_of(model)
  local waits = redis.call('HMGET', model_key(model, 'waiting'), 'delayed', 'tokens', unpack(CLASSES))
  local pace = redis.call('HMGET', model_key(model, 'pace'), 'job_ms', 'job_tokens')
  local stand = {waiting = {}, oldest = {}, counts = {}, delayed = at_least_0(waits[1]), waiting_tokens = at_least_0(waits[2]),
    dispatched = redis.call('HLEN', model_key(model, 'window')), running = redis.call('SCARD', model_key(model, 'running')),
    workers = workers_of(model), job_ms = tonumber(pace[1] or nil), job_tokens = tonumber(pace[2] or nil)}
  for i, class in ipairs(CLASSES) do
    stand.waiting[class] = at_least_0(waits[i + 2])
    stand.oldest[class] = age_of_next(model, class)
  end
  local counts = redis.call('HGETALL', model_key(model, 'counts'))
  for i = 1, #counts, 2 do stand.counts[counts[i]] = tonumber(counts[i + 1]) end
  return stand
end

local models = {}
for _, model in ipairs(redis.call('SMEMBERS', PREFIX .. 'models')) do models[model] = stand_of(model) end
local due_at = tonumber(redis.call('ZRANGE', PREFIX .. 'hooks', 0, 0, 'WITHSCORES')[2])
return cjson.encode({
  models = models,
  deliveries = {
    pending = at_least_0(redis.call('GET', PREFIX .. 'pending')),
    flying = redis.call('ZCARD', PREFIX .. 'flights'),
    overdue = due_at and at_least_0(NOW - due_at) or 0,
  },
  senders = redis.call('ZCOUNT', PREFIX .. 'senders', '(' .. NOW, '+inf'),
  batches = redis.call('ZCARD', PREFIX .. 'batches'),
})

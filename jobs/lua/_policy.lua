-- The scheduling policy: in which order waiting jobs enter the window. Start-time fair queueing.
-- Everything that knows how waiting jobs are kept stands here.
--
-- A flow is a tenant's jobs of one class; its name is class/tenant. It has a virtual time, its tag: the flow with the
-- least goes next and pays for its job, cost/weight in virtual tokens. The model's virtual clock is the highest tag at
-- which a job has gone. A flow in which nothing waited joins at the clock, or at its own tag if that is ahead: nobody
-- saves up, nobody gets rid of what was just used. Inside a flow the job goes first that expires first, then the one
-- accepted first.
--
-- A job that comes back without an end takes along what its flow has paid, pays again when it goes again, and so keeps
-- its place. An end corrects the price to what was used. What is given back is at most what lies above the flow's
-- floor, the clock when it joined: what lies below was forgiven then.
--
-- A flow where nothing waits is kept while its tag is ahead of the clock. When nothing waits at all, no flow is kept
-- and the clock is set to the highest tag. So tags, clock and `paid` can always be compared. The clock only grows, by
-- less than the tokens served over the least weight of a tenant, 1/4. As a double it is exact to 1/256, the inverse of
-- the highest weight, up to 2^45 tokens: a year of a million a second. Weights are powers of two, so tags are sums of such.
--
-- A weight that is changed holds from then on. What flows have paid stays as it is.

local CLASSES = {'interactive', 'standard', 'batch'}
local CLASS_WEIGHTS = {interactive = 16, standard = 4, batch = 1}
local FORGOTTEN_AT_ONCE = 16

local function tenant_weight(tenant) return own_limits(tenant).weight or 1 end -- the one place that knows it

local function weight_of(flow)
  local class, tenant = split(flow)
  return tenant_weight(tenant) * CLASS_WEIGHTS[class]
end
local function class_of(job) return job.class or 'standard' end
local function flow_of(job)
  local tenant = split(job.ref)
  return class_of(job) .. '/' .. tenant
end
local function flow_key(model, flow) return model_key(model, 'queue:' .. flow) end
local function flows_key(model, class) return model_key(model, 'flows:' .. class) end
local function entry_of(job)
  local _, id = split(job.ref)
  return string.format('%012x:', job.seq) .. id
end
local function price(tokens, flow) return math.max(1, tokens) / weight_of(flow) end

local function clock_of(model) return tonumber(redis.call('GET', model_key(model, 'clock')) or 0) end

-- A flow's tag, whether jobs of it wait, and the clock; one that is not kept stands at the clock, and `known` is false.
local function standing(model, flow)
  local clock = clock_of(model)
  local class = split(flow)
  local tag = redis.call('ZSCORE', flows_key(model, class), flow)
  if tag then return {tag = tonumber(tag), waits = true, known = true, clock = clock} end
  tag = tonumber(redis.call('ZSCORE', model_key(model, 'idle'), flow) or 0)
  return {tag = math.max(tag, clock), waits = false, known = tag > clock, clock = clock}
end

-- Keep the tag of a flow where nothing waits, if it matters; returns whether anything waits elsewhere.
local function rest(model, flow, tag, clock)
  local idle, floors = model_key(model, 'idle'), model_key(model, 'floors')
  if redis.call('EXISTS', flows_key(model, 'interactive'), flows_key(model, 'standard'), flows_key(model, 'batch')) == 0 then
    local highest = redis.call('ZRANGE', idle, -1, -1, 'WITHSCORES')[2]
    redis.call('SET', model_key(model, 'clock'), math.max(clock, tag, tonumber(highest or 0)))
    redis.call('UNLINK', idle, floors)
    return false
  end
  if tag > clock then
    redis.call('ZADD', idle, tag, flow)
  else
    redis.call('ZREM', idle, flow)
    redis.call('HDEL', floors, flow)
  end
  return true
end

local function set_tag(model, flow, tag, stands)
  if stands.waits then
    local class = split(flow)
    redis.call('ZADD', flows_key(model, class), tag, flow)
  else
    rest(model, flow, tag, stands.clock)
  end
end

local function advance(model, clock)
  local idle = model_key(model, 'idle')
  redis.call('SET', model_key(model, 'clock'), clock)
  local passed = redis.call('ZRANGEBYSCORE', idle, '-inf', clock, 'LIMIT', 0, FORGOTTEN_AT_ONCE)
  if #passed > 0 then
    redis.call('ZREM', idle, unpack(passed))
    redis.call('HDEL', model_key(model, 'floors'), unpack(passed))
  end
end

-- Whether a count was the last.
local function count_one_less(key, field)
  if redis.call('HINCRBY', key, field, -1) > 0 then return false end
  redis.call('HDEL', key, field)
  return true
end

-- Take an entry out of a flow, which has the tag from now on; returns whether anything waits.
local function take_out(model, flow, entry, cost, tag, clock)
  local key, waiting, class = flow_key(model, flow), model_key(model, 'waiting'), split(flow)
  redis.call('ZREM', key, entry)
  if redis.call('EXISTS', key) == 1 then
    redis.call('HINCRBY', waiting, flow, -cost)
    redis.call('ZADD', flows_key(model, class), tag, flow)
  else
    redis.call('ZREM', flows_key(model, class), flow)
    if not rest(model, flow, tag, clock) then
      redis.call('HDEL', waiting, 'jobs', 'tokens', flow, unpack(CLASSES))
      return false
    end
    redis.call('HDEL', waiting, flow)
  end
  redis.call('HINCRBY', waiting, 'jobs', -1)
  redis.call('HINCRBY', waiting, 'tokens', -cost)
  count_one_less(waiting, class)
  return true
end

-- A job is no longer where a release without flows has let it wait.
local function uncount_of_older(job)
  local tenant = split(job.ref)
  redis.call('HINCRBY', model_key(job.model, 'waiting'), 'tokens', -job.cost)
  count_one_less(model_key(job.model, 'waiting'), 'tenant:' .. tenant)
end

-- How many jobs wait for a model.
local function policy_count(model) return tonumber(redis.call('HGET', model_key(model, 'waiting'), 'jobs') or 0) end

-- And how many of a tenant.
local function policy_count_of(model, tenant)
  local count = 0
  for _, class in ipairs(CLASSES) do count = count + redis.call('ZCARD', flow_key(model, class .. '/' .. tenant)) end
  return count
end

-- Have a job wait; it would expire at `expires`.
local function policy_add(job, expires)
  local model, flow = job.model, flow_of(job)
  local key, waiting = flow_key(model, flow), model_key(model, 'waiting')
  local is_first = redis.call('EXISTS', key) == 0
  redis.call('ZADD', key, expires, entry_of(job))
  redis.call('HINCRBY', waiting, 'jobs', 1)
  redis.call('HINCRBY', waiting, class_of(job), 1)
  redis.call('HINCRBY', waiting, 'tokens', job.cost)
  redis.call('HINCRBY', waiting, flow, job.cost)
  if is_first then
    local clock, idle = clock_of(model), model_key(model, 'idle')
    local tag = redis.call('ZSCORE', idle, flow)
    if tag then redis.call('ZREM', idle, flow) end
    redis.call('ZADD', flows_key(model, class_of(job)), math.max(tonumber(tag or 0), clock), flow)
    redis.call('HSET', model_key(model, 'floors'), flow, clock)
  end
end

-- A waiting job goes as if it expired at `expires`, if that is earlier.
local function policy_hasten(job, expires)
  redis.call('ZADD', flow_key(job.model, flow_of(job)), 'XX', 'LT', expires, entry_of(job))
end

-- Take a waiting job away, unpaid.
local function policy_remove(job)
  local flow, entry = flow_of(job), entry_of(job)
  if redis.call('ZSCORE', flow_key(job.model, flow), entry) then
    local stands = standing(job.model, flow)
    take_out(job.model, flow, entry, job.cost, stands.tag, stands.clock)
  elseif redis.call('ZREM', model_key(job.model, 'queue'), job.ref) == 1 then
    uncount_of_older(job)
  end
end

-- What goes next, of interactive flows alone if so wished: {ref, flow, entry, tag}, or nil.
local function policy_next(model, interactive_alone)
  local flow, least
  for _, class in ipairs(CLASSES) do
    if class ~= 'interactive' and interactive_alone then break end
    local head = redis.call('ZRANGE', flows_key(model, class), 0, 0, 'WITHSCORES')
    local tag = tonumber(head[2])
    if tag and (not least or tag < least) then flow, least = head[1], tag end
  end
  if not flow then return nil end
  local _, tenant = split(flow)
  local entry = redis.call('ZRANGE', flow_key(model, flow), 0, 0)[1] or ''
  return {ref = tenant .. '/' .. string.sub(entry, 14), flow = flow, entry = entry, tag = least}
end

-- What goes next has no job behind it.
local function policy_discard(model, next_)
  take_out(model, next_.flow, next_.entry, 0, next_.tag, clock_of(model))
end

-- The job that goes next goes; returns what its flow has paid by then, and whether anything waits still.
local function policy_take(job, next_)
  local clock, paid = clock_of(job.model), next_.tag + price(job.cost, next_.flow)
  if next_.tag > clock then
    clock = next_.tag
    advance(job.model, clock)
  end
  return paid, take_out(job.model, next_.flow, next_.entry, job.cost, paid, clock)
end

-- A job runs out of its turn: its worker has come back to it. Returns what its flow has paid by then.
local function policy_charge(job)
  local flow = flow_of(job)
  local stands = standing(job.model, flow)
  local paid = stands.tag + price(job.cost, flow)
  if not stands.known then redis.call('HSET', model_key(job.model, 'floors'), flow, stands.clock) end
  set_tag(job.model, flow, paid, stands)
  return paid
end

-- Correct what the flow of a job has paid for it to a number of tokens; 0 is for nothing.
local function policy_settle(job, tokens)
  local flow = flow_of(job)
  local change = (tokens > 0 and price(tokens, flow) or 0) - price(job.cost, flow)
  if change == 0 then return end
  local stands = standing(job.model, flow)
  if change < 0 then
    if not stands.known then return end
    local floor = tonumber(redis.call('HGET', model_key(job.model, 'floors'), flow) or stands.clock)
    change = -math.min(-change, math.max(0, job.paid - floor))
  elseif not stands.known then
    redis.call('HSET', model_key(job.model, 'floors'), flow, stands.clock)
  end
  set_tag(job.model, flow, stands.tag + change, stands)
end

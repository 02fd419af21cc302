-- Shared by the moves that make a job: whether there is room for one more, and what its tenant is charged.
--
-- `defaults` are the limits of a tenant that has none of its own by that name: JSON, or '' if there are none.

local function limits_of(tenant, defaults)
  local own, usual = own_limits(tenant), defaults ~= '' and cjson.decode(defaults) or {}
  return function(name) return own[name] or usual[name] end
end

-- How many jobs of a tenant are not final; nothing is counted, so nothing can leak.
local function open_jobs(tenant)
  local count = 0
  for _, index in ipairs({'state:queued', 'state:running', 'lines:queued', 'lines:running'}) do
    count = count + redis.call('ZCARD', owned_key(tenant, index))
  end
  return count
end

-- How many jobs wait for a model, and how many of a tenant, with those that wait for their time.
local function jobs_waiting(model)
  return policy_count(model) + tonumber(redis.call('HGET', model_key(model, 'waiting'), 'delayed') or 0)
end
local function jobs_waiting_of(model, tenant)
  return policy_count_of(model, tenant) + tonumber(redis.call('HGET', model_key(model, 'delayed'), tenant) or 0)
end

-- What was spent in the running bucket of a budget and in the one before, and how much of the running one is over, ms.
local function buckets(tenant, budget)
  local width = WINDOWS[budget]
  local now = redis.call('GET', bucket_key(tenant, budget, NOW))
  local before = redis.call('GET', bucket_key(tenant, budget, NOW - width))
  return tonumber(now or 0), tonumber(before or 0), NOW % width
end

-- Tokens that a budget's window holds now, and ms until it holds `room` at most, or nil if never.
local function spent_of(tenant, budget, room)
  local width, now, before, elapsed = WINDOWS[budget], buckets(tenant, budget)
  local spent = now + math.ceil(before * (width - elapsed) / width)
  if spent <= room then return spent, 0 end
  if room < 0 then return spent, nil end
  if now <= room then return spent, math.ceil(width - elapsed - width * (room - now) / before) end
  return spent, math.ceil(2 * width - elapsed - width * room / now)
end

-- Which budgets a job of `cost` tokens does not fit into: the answer of a move, or nil. The one is described that keeps
-- it waiting for the longest time.
local function over_budget(tenant, limit_of, cost)
  local names, worst = {}, nil
  for _, budget in ipairs(BUDGETS) do
    local limit = limit_of(budget)
    if limit then
      local spent, wait = spent_of(tenant, budget, limit - cost)
      if wait ~= 0 then
        names[#names + 1] = budget
        if not worst or (wait or math.huge) > (worst.wait or math.huge) then
          worst = {name = budget, limit = limit, spent = spent, wait = wait}
        end
      end
    end
  end
  if not worst then return nil end
  return {'quota', worst.name, worst.limit, worst.spent, worst.wait or -1, cost, unpack(names)}
end

-- How much of a tenant's limit is open to lines of batches: three quarters, so that its other jobs find room.
local function part_of_lines(limit) return math.max(math.min(1, limit), math.floor(limit * 3 / 4)) end

-- Why no job of a tenant is taken now, as the answer of a move; nil if it is. The bounds are '' for any number, and hold
-- for no job that has a `leader` to follow: it waits in no queue. For a line the limits told are the part open to it.
--
-- {'draining', model}, {'full', model, 'model' | 'tenant', limit, waiting}, {'quota', 'concurrent_jobs', limit, count}
-- or {'quota', budget, limit, spent, wait in ms or -1 for ever, cost, each budget that is exceeded…}.
local function refusal(tenant, model, cost, bound, bound_of_tenant, defaults, leader, is_line)
  if redis.call('HGET', model_key(model, 'mode'), 'mode') == 'draining' then return {'draining', model} end
  local waiting = leader and -1 or jobs_waiting(model) -- who follows a run fills no queue
  if bound ~= '' and waiting >= tonumber(bound) then return {'full', model, 'model', tonumber(bound), waiting} end
  local limit_of = limits_of(tenant, defaults)
  local own_bound = limit_of('waiting_jobs') or tonumber(bound_of_tenant)
  if own_bound and is_line then own_bound = part_of_lines(own_bound) end
  if own_bound and waiting >= own_bound then -- else the tenant's, who are among them, are fewer too
    waiting = jobs_waiting_of(model, tenant)
    if waiting >= own_bound then return {'full', model, 'tenant', own_bound, waiting} end
  end
  local most_open = limit_of('concurrent_jobs')
  if most_open then
    if is_line then most_open = part_of_lines(most_open) end
    local count = open_jobs(tenant)
    if count >= most_open then return {'quota', 'concurrent_jobs', most_open, count} end
  end
  return over_budget(tenant, limit_of, cost)
end

-- How a tenant stands by its budget for a minute: {limit, used, ms until nothing is used}; {} if it has none.
local function budget_standing(tenant, defaults)
  local limit = limits_of(tenant, defaults)('tokens_per_minute')
  if not limit then return {} end
  return {limit, spent_of(tenant, 'tokens_per_minute', 0)}
end

-- Charge the tenant of a new job, if it has a budget.
local function charge_budgets(job, defaults)
  local tenant = split(job.ref)
  local limit_of = limits_of(tenant, defaults)
  if not limit_of('tokens_per_minute') and not limit_of('tokens_per_day') then return end
  put(job, 'charged', job.cost)
  for _, budget in ipairs(BUDGETS) do
    local key = bucket_key(tenant, budget, NOW)
    redis.call('INCRBY', key, job.cost)
    redis.call('PEXPIRE', key, 2 * WINDOWS[budget] - NOW % WINDOWS[budget])
  end
end

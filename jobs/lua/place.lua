-- place: what stands before a job that waits, or would stand before one of each class submitted now. Changes nothing.
--
-- ARGV[3]  model
-- ARGV[4]  tenant
-- ARGV[5]  id of the job that waits, or '' for jobs submitted now; a follower waits where its leader does
--
-- A flow is served until its tag is past the virtual time at which the job's turn comes; jobs are taken to cost what
-- those of their flow cost on average. Of many flows, some of each class speak for all.
--
-- Returns {jobs ahead, tokens ahead, how many jobs and tokens of these are of its own flow} of the job, or {} if it does
-- not wait; without a job {created of the job that goes next or '', and for each class, interactive first: its jobs of
-- the tenant that wait, their tokens, jobs ahead, tokens ahead; and last the jobs before the tenant's next one}.

local model, tenant, id = ARGV[3], ARGV[4], ARGV[5]
local LOOKED_AT = 100

-- How many jobs wait in a flow, and the tokens that they cost on average.
local function filled(flow)
  local jobs = redis.call('ZCARD', flow_key(model, flow))
  local tokens = tonumber(redis.call('HGET', model_key(model, 'waiting'), flow) or 0)
  return jobs, jobs > 0 and math.max(1, tokens / jobs) or 0
end

-- Jobs of other flows, and their tokens, that go before a turn of a flow at virtual time `start`.
local function others_before(flow, start)
  local jobs, tokens = 0, 0
  local is_before = true -- of equal tags, that of the higher class goes first, then that of the lower name
  for _, class in ipairs(CLASSES) do
    local key = flows_key(model, class)
    local found = redis.call('ZRANGEBYSCORE', key, '-inf', start, 'WITHSCORES', 'LIMIT', 0, LOOKED_AT)
    local share = 1
    if #found == 2 * LOOKED_AT then share = redis.call('ZCOUNT', key, '-inf', start) / LOOKED_AT end
    if split(flow) == class then is_before = nil end
    for i = 1, #found, 2 do
      local other = found[i]
      if other ~= flow then
        local count, average = filled(other)
        local turns = (start - tonumber(found[i + 1])) * weight_of(other) / average
        local served = math.ceil(turns)
        local goes_first = is_before
        if goes_first == nil then goes_first = other < flow end
        if served == turns and goes_first then served = served + 1 end
        served = math.min(count, served)
        jobs, tokens = jobs + share * served, tokens + share * served * average
      end
    end
    if is_before == nil then is_before = false end
  end
  return jobs, tokens
end

-- What stands before the job at `rank` of a flow.
local function ahead(flow, rank, average)
  local start = standing(model, flow).tag + rank * average / weight_of(flow)
  local jobs, tokens = others_before(flow, start)
  return math.floor(rank + jobs), math.floor(rank * average + tokens)
end

if id ~= '' then
  local job = read_job(tenant .. '/' .. id)
  if job and job.place == 'following' then job = sharing().leader_of(job) end
  local rank = job and not job.newer and redis.call('ZRANK', flow_key(model, flow_of(job)), entry_of(job))
  if not rank then return {} end
  local _, average = filled(flow_of(job))
  local jobs, tokens = ahead(flow_of(job), rank, average)
  return {jobs, tokens, rank, math.floor(rank * average)}
end

local next_ = policy_next(model)
local told = {next_ and redis.call('HGET', tenant_key(next_.ref, 'job'), 'created') or ''}
local before_next
for _, class in ipairs(CLASSES) do
  local flow = class .. '/' .. tenant
  local count, average = filled(flow)
  local jobs, tokens = ahead(flow, count, average)
  if count > 0 then before_next = math.min(before_next or math.huge, (ahead(flow, 0, average))) end
  for _, number in ipairs({count, math.floor(count * average), jobs, tokens}) do told[#told + 1] = number end
end
told[#told + 1] = before_next or 0
return told

-- Shared by every move of a job: what a tenant may have of its own, and its budgets of tokens.
--
-- A budget is a window that slides over two buckets, by this server's clock: what was spent in the running bucket, and
-- of the one before the part that the window still covers. A job is charged its estimated cost when it is made, and
-- corrected when it ends, in the bucket of its submit while that counts.

local WINDOWS = {tokens_per_minute = 60000, tokens_per_day = 86400000}
local BUDGETS = {'tokens_per_minute', 'tokens_per_day'}

local limits_read = {}

-- A tenant's own limits by name, read once.
local function own_limits(tenant)
  local limits = limits_read[tenant]
  if limits then return limits end
  limits = {}
  local flat = redis.call('HGETALL', owned_key(tenant, 'limits'))
  for i = 1, #flat, 2 do limits[flat[i]] = tonumber(flat[i + 1]) end
  limits_read[tenant] = limits
  return limits
end

local function bucket_key(tenant, budget, instant)
  return owned_key(tenant, 'spent') .. ':' .. budget .. ':' .. math.floor(instant / WINDOWS[budget])
end

-- The job ends: of what its tenant was charged for it, it has used so many tokens; nil leaves the charge as it is.
local function settle_budgets(job, used)
  if not job.charged or not used or used == job.charged then return end
  local tenant = split(job.ref)
  for _, budget in ipairs(BUDGETS) do
    local key = bucket_key(tenant, budget, job.created)
    if redis.call('EXISTS', key) == 1 then redis.call('INCRBY', key, used - job.charged) end
  end
end

-- standing: how much a tenant has used of each of its limits. Changes nothing.
--
-- ARGV[3]  tenant
-- ARGV[4]  limits of a tenant that has none of its own, JSON or ''
--
-- Returns {name, limit, used, ms until nothing is used, or -1 if no time tells} of each limit on tokens and open jobs.

local tenant, limit_of = ARGV[3], limits_of(ARGV[3], ARGV[4])
local told = {}
for _, budget in ipairs(BUDGETS) do
  local limit = limit_of(budget)
  if limit then
    local spent, wait = spent_of(tenant, budget, 0)
    told[#told + 1] = {budget, limit, spent, wait}
  end
end
local most_open = limit_of('concurrent_jobs')
if most_open then told[#told + 1] = {'concurrent_jobs', most_open, open_jobs(tenant), -1} end
return told

-- renew: keep leases, many in one call.
--
-- ARGV[3]   lease, ms
-- ARGV[4…]  ref, token, ref, token …
--
-- Returns one number per job: 1 kept, 0 lost (stop working on it). Refused past the run limit and the deadline,
-- so that a hung attempt with a live heartbeat still ends.

local lease_ms = tonumber(ARGV[3])
local kept = {}
for i = 4, #ARGV, 2 do
  local job = read_job(ARGV[i])
  if holds(job, tonumber(ARGV[i + 1])) and NOW < job.run_until and NOW < job.deadline then
    take_back(job, lease_ms)
    put(job, 'lease', NOW + lease_ms)
    look_at(job, NOW + lease_ms)
    kept[#kept + 1] = 1
  else
    kept[#kept + 1] = 0
  end
end
return kept

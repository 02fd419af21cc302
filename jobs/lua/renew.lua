-- renew: keep leases, many in one call.
--
-- ARGV[3]   lease, ms
-- ARGV[4…]  ref, token, how long the attempt has waited in the worker for a slot, ms, …
--
-- Returns one number per job: 1 kept, 0 lost (stop working on it). Refused past the run limit, which counts from the
-- slot on, and the deadline, so that a hung attempt with a live heartbeat still ends.

local lease_ms = tonumber(ARGV[3])
local kept = {}
for i = 4, #ARGV, 3 do
  local job, waited = read_job(ARGV[i]), tonumber(ARGV[i + 2])
  local holds_it = holds(job, tonumber(ARGV[i + 1]))
  if holds_it and waited > 0 then put(job, 'run_until', math.max(job.run_until, job.claimed + waited + job.timeout)) end
  if holds_it and NOW < job.run_until and NOW < job.deadline then
    take_back(job, lease_ms)
    put(job, 'lease', NOW + lease_ms)
    look_at(job, NOW + lease_ms)
    kept[#kept + 1] = 1
  else
    kept[#kept + 1] = 0
  end
end
return kept

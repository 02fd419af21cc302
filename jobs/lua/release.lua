-- release: give a running job back at a shutdown; nothing is counted, and the token is never used again.
--
-- ARGV[3]  ref
-- ARGV[4]  token of the lease
-- ARGV[5]  lease, ms
--
-- Returns 1, or 0 if the token no longer holds.

local job = read_job(ARGV[3])
if not give_up(job, tonumber(ARGV[4]), tonumber(ARGV[5])) then return 0 end
if job.cancel then
  finalise(job, 'cancelled')
else
  move(job, 'queued')
  enter_queue(job)
end
return 1

-- postpone: a running job waits for a while; nothing is counted, and the token is never used again.
--
-- A job that had not started before this lease, and has no token of it, has not started: it expires by its start_by.
--
-- ARGV[3]  ref
-- ARGV[4]  token of the lease
-- ARGV[5]  how long it waits, ms
-- ARGV[6]  lease, ms
-- ARGV[7]  what the attempt has used: prompt tokens, or '' if nothing    ARGV[8]  cached tokens
-- ARGV[9]  engine's time of all attempts, microseconds                   ARGV[10] completion tokens
--
-- What it had generated beyond the record is wasted.
--
-- Returns 1, or 0 if the token no longer holds.

local job = read_job(ARGV[3])
if not give_up(job, tonumber(ARGV[4]), tonumber(ARGV[6])) then return 0 end
if job.started == job.claimed and (job.emitted or 0) == 0 then drop(job, 'started') end
if job.led and (job.emitted or 0) == 0 then sharing().not_started(job) end
if ARGV[7] ~= '' then
  local lost = math.max(0, tonumber(ARGV[10]) - (job.emitted or 0))
  put(job, 'prompt', ARGV[7], 'cached', ARGV[8], 'engine', ARGV[9], 'wasted', (job.wasted or 0) + lost)
end
put(job, 'attempt', math.max((job.failures or 0) + (job.lost or 0), job.started and 1 or 0))
if job.cancel then
  finalise(job, 'cancelled')
else
  move(job, 'queued')
  enter_delay(job, NOW + tonumber(ARGV[5]))
end
return 1

-- Who holds a running job, by its token, and what becomes of it when that worker is lost or gives it up.

-- A job whose worker is lost: back to its old place, or its end.
local function rescue(job)
  stop_running(job)
  count(job.model, 'leases_lost')
  put(job, 'lost', (job.lost or 0) + 1, 'rescued', job.fence)
  drop(job, 'lease')
  if job.cancel then
    finalise(job, 'cancelled')
  elseif NOW >= job.deadline then
    finalise(job, 'expired', 'deadline_exceeded')
  elseif job.lost > SUSPECT_AFTER then
    finalise(job, 'failed', 'worker_lost')
    dead_letter(job)
  else
    count(job.model, 'rescued')
    move(job, 'queued')
    enter_queue(job)
  end
end

-- Whether a token still holds the right to run. After a rescue it does until somebody else has claimed.
local function holds(job, token)
  if job == nil or job.newer or job.fence ~= token then return false end
  return job.state == 'running' or (job.state == 'queued' and job.rescued == token)
end

-- What a holder changes in a rescued job makes it its own again, and the loss is not counted.
local function take_back(job, lease_ms)
  if job.state == 'running' then return end
  start_running(job, job.worker, lease_ms)
  put(job, 'lost', job.lost - 1)
  drop(job, 'rescued')
end

-- A holder gives its job up, uncounted, and its token for good; the caller says where the job goes. False if the
-- token no longer holds.
local function give_up(job, token, lease_ms)
  if not holds(job, token) then return false end
  take_back(job, lease_ms)
  stop_running(job)
  put(job, 'fence', job.fence + 1)
  drop(job, 'lease', 'claim_id')
  return true
end

-- dispatch: move waiting jobs into the window while the workers of a model have room.
--
-- ARGV[3]  model
-- ARGV[4]  how long a message may stay unclaimed before it is published again, ms
-- ARGV[5]  most jobs per call
--
-- Returns the ids to publish.

local model, grace = ARGV[3], tonumber(ARGV[4])
local published = {}
local room = room_in_window(model)
local most = tonumber(ARGV[5])
while room > 0 and #published < most do
  local ref = policy_next(model)
  if not ref then break end
  local job = read_job(ref)
  if job == nil then
    policy_remove({ref = ref, model = model})
  elseif job.newer then
    break
  elseif NOW >= expires_at(job) then
    finalise(job, 'expired', job.deadline <= NOW and 'deadline_exceeded' or 'not_started_in_time')
  else
    local tenant, id = split(ref)
    leave_place(job)
    redis.call('HSET', model_key(model, 'window'), id, tenant)
    put(job, 'place', 'window', 'dispatches', 1)
    look_at(job, math.min(NOW + grace, expires_at(job)))
    published[#published + 1] = id
    room = room - 1
  end
end
return published

-- dispatch: move waiting jobs into the window while the workers of a model have room.
--
-- ARGV[3]  model
-- ARGV[4]  how long a message may stay unclaimed before it is published again, ms
-- ARGV[5]  most jobs per call
-- ARGV[6]  most jobs in the window, or '' for as many as the workers have room for
--
-- Returns id, trace or '' if none is recorded, id, trace …: what to publish.

local model, grace = ARGV[3], tonumber(ARGV[4])
local most = tonumber(ARGV[5])

-- What a release without flows has left waiting, or still lets wait during a rolling upgrade, joins its flow.
local function adopt()
  local old = redis.call('ZPOPMIN', model_key(model, 'queue'), most)
  for i = 1, #old, 2 do
    local job = read_job(old[i])
    if job and job.newer then
      redis.call('ZADD', model_key(model, 'queue'), old[i + 1], old[i])
    elseif job and job.place == 'queue' then
      uncount_of_older(job)
      policy_add(job, expires_at(job))
    end
  end
end

adopt()
local published, taken = {}, 0
local room, others_left, beyond = room_in_window(model)
if ARGV[6] ~= '' then
  room, beyond = math.min(room, tonumber(ARGV[6]) - redis.call('HLEN', model_key(model, 'window'))), 0
end
local more = true
while more and room + beyond > 0 and taken < most do
  local next_ = policy_next(model, others_left <= 0)
  if not next_ then break end
  local class, owner = split(next_.flow)
  if room <= 0 and not is_newcomer(model, owner, class) then break end
  local job = read_job(next_.ref)
  if job and job.newer then
    break
  elseif job == nil or job.place ~= 'queue' then
    policy_discard(model, next_)
  elseif NOW >= expires_at(job) then
    finalise(job, 'expired', job.deadline <= NOW and 'deadline_exceeded' or 'not_started_in_time')
  else
    local tenant, id = split(job.ref)
    local paid
    paid, more = policy_take(job, next_)
    redis.call('HSET', model_key(model, 'window'), id, tenant)
    note_interactive(job)
    put(job, 'place', 'window', 'dispatches', 1, 'paid', paid)
    look_at(job, math.min(NOW + grace, expires_at(job)))
    published[#published + 1] = id
    published[#published + 1] = is_traced(job) and job.trace or ''
    taken = taken + 1
    room = room - 1
    if job.class ~= 'interactive' then others_left = others_left - 1 end
  end
end
return published

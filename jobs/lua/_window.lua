-- The window of a model: jobs that are handed out to its workers, as many as these run and a small margin.

-- How many sequences the live workers of a model run at the same time.
local function live_slots(model)
  local slots = 0
  for _, worker in ipairs(redis.call('ZRANGEBYSCORE', model_key(model, 'workers'), '(' .. NOW, '+inf')) do
    slots = slots + tonumber(redis.call('HGET', model_key(model, 'slots'), worker) or 0)
  end
  return slots
end

-- How many more jobs the window of a model takes: its workers' slots and a small margin, less what fills them; none
-- while the model is paused. Second, how many jobs of other classes than interactive may enter it: where slots are
-- reserved, those run in the rest alone, which is one slot at least. Third, how many more newcomers may enter it when
-- it is full.
local function room_in_window(model)
  local slots = live_slots(model)
  if slots == 0 or redis.call('HGET', model_key(model, 'mode'), 'mode') == 'paused' then return 0, 0, 0 end
  local busy = redis.call('SCARD', model_key(model, 'running')) + redis.call('HLEN', model_key(model, 'window'))
  local margin = math.max(2, math.floor(slots / 8))
  local room = slots + margin - busy
  local reserved = redis.call('GET', model_key(model, 'reserved'))
  if not reserved then return room, math.huge, margin end
  if busy == 0 then redis.call('DEL', model_key(model, 'interactive')) end -- what an older release has not taken out
  local others = busy - redis.call('SCARD', model_key(model, 'interactive'))
  return room, math.max(1, slots - tonumber(reserved)) - others, margin
end

-- Whether a job is the only one of its tenant that runs or is in the window. Work of class batch is patient, it never is.
local function is_newcomer(model, tenant, class)
  if class == 'batch' or not runs_nothing(tenant) then return false end
  for _, other in ipairs(redis.call('HVALS', model_key(model, 'window'))) do
    if other == tenant then return false end
  end
  return true
end

-- Interactive jobs in the window or running are known by name, so that those of other classes can be counted.
local function note_interactive(job)
  if job.class == 'interactive' then redis.call('SADD', model_key(job.model, 'interactive'), job.ref) end
end
local function forget_interactive(job)
  if job.class == 'interactive' then redis.call('SREM', model_key(job.model, 'interactive'), job.ref) end
end

-- mode: have a model run, be paused (no job of it starts) or be drained (it takes no new ones).
--
-- ARGV[3]  model
-- ARGV[4]  running, paused or draining
--
-- At a pause the jobs of the window go back to their old places; their messages are stale from then on.

local model, mode = ARGV[3], ARGV[4]
local key = model_key(model, 'mode')
if mode == 'running' then
  redis.call('DEL', key)
elseif redis.call('HGET', key, 'mode') ~= mode then
  redis.call('HSET', key, 'mode', mode, 'since', NOW)
end
if mode == 'paused' then
  local window = redis.call('HGETALL', model_key(model, 'window'))
  for i = 1, #window, 2 do
    local job = read_job(window[i + 1] .. '/' .. window[i])
    if job == nil then
      redis.call('HDEL', model_key(model, 'window'), window[i])
      redis.call('SREM', model_key(model, 'interactive'), window[i + 1] .. '/' .. window[i])
    elseif not job.newer then
      leave_place(job)
      enter_queue(job)
    end
  end
end
return 1

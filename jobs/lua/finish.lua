-- finish: record how an attempt ended, if its token still holds.
--
-- ARGV[3]  ref                      ARGV[7]   packed token log, or ''
-- ARGV[4]  token of the lease       ARGV[8]   completion tokens
-- ARGV[5]  state                    ARGV[9]   delay before another attempt, ms; '' when none may follow
-- ARGV[6]  packed outcome           ARGV[10]  lease, ms
-- ARGV[11] what a webhook that includes the result tells of it: members of JSON, or ''
-- ARGV[12] finish reason, or ''     ARGV[13]  '1' if the engine can go on from emitted tokens
-- ARGV[14] tokens that it has used, prompt and completion, or '' if nobody has counted them
-- ARGV[15] prompt tokens    ARGV[16] cached tokens    ARGV[17] wasted tokens    ARGV[18] engine's time, microseconds
-- ARGV[19] packed outcome of those who follow it, and ARGV[20] what a webhook tells of it; '' if nobody can
--
-- A failure that another attempt might heal ends a job whose cancel was asked for as cancelled. No attempt follows one
-- of which readers have seen tokens that the engine cannot go on from.
--
-- Returns {'ok', state taken}, {'already', state} for a repeat, or {'fenced', ''}.

local job = read_job(ARGV[3])
local token = tonumber(ARGV[4])
if job and job.settled == token then return {'already', job.state} end
if not holds(job, token) then return {'fenced', ''} end
take_back(job, tonumber(ARGV[10]))

redis.call('SET', tenant_key(job.ref, 'out'), ARGV[6])
put(job, 'settled', token)
local state = ARGV[5]
local can_follow = ARGV[13] == '1' or not job.seen or (job.emitted or 0) == 0
if state == 'failed' then
  put(job, 'failures', (job.failures or 0) + 1)
  if ARGV[9] ~= '' and job.cancel then
    state = 'cancelled'
  elseif ARGV[9] ~= '' and job.failures < job.max and can_follow then
    local again_at = NOW + tonumber(ARGV[9])
    if again_at < job.deadline then
      stop_running(job)
      drop(job, 'lease')
      move(job, 'queued')
      put(job, 'prompt', ARGV[15], 'cached', ARGV[16], 'engine', ARGV[18],
        'unsaved', math.max(0, tonumber(ARGV[8]) - (job.emitted or 0)))
      enter_delay(job, again_at)
      return {'ok', 'queued'}
    end
  end
end

job.recorded = job.emitted
put(job, 'emitted', ARGV[8])
if state == 'succeeded' then
  local pace = model_key(job.model, 'pace')
  local before = redis.call('HMGET', pace, 'job_ms', 'job_tokens')
  local function moved(average, value) return math.floor(average and average * 0.9 + value * 0.1 or value) end
  redis.call('HSET', pace, 'job_ms', moved(tonumber(before[1] or ''), NOW - job.claimed),
    'job_tokens', moved(tonumber(before[2] or ''), job.cost))
end
local gave_up = state == 'failed' and ARGV[9] ~= ''
if state == ARGV[5] then
  job.tells = {outcome = ARGV[19], words = ARGV[20], log = ARGV[7], emitted = ARGV[8], finish_reason = ARGV[12],
    gave_up = gave_up, used = {prompt = ARGV[15], completion = ARGV[8], cached = ARGV[15] + ARGV[8]}}
end
finalise(job, state, nil, ARGV[11] ~= '' and state == ARGV[5] and ARGV[11] or nil, ARGV[12],
  tonumber(ARGV[14]),
  {prompt = ARGV[15], completion = ARGV[8], cached = ARGV[16], wasted = ARGV[17], engine = ARGV[18]})
if ARGV[7] ~= '' then
  redis.call('SET', tenant_key(job.ref, 'log'), ARGV[7])
  redis.call('DEL', tenant_key(job.ref, 'tokens')) -- a follower that leads on has gone on from them
end
if gave_up then dead_letter(job) end
return {'ok', state}

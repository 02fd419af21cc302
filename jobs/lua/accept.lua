-- accept: record a new job, unless its idempotency key has made one already.
--
-- ARGV[3]  ref                      ARGV[9]   start_within, ms ('' for none)
-- ARGV[4]  model                    ARGV[10]  timeout, ms
-- ARGV[5]  packed spec              ARGV[11]  retention, ms
-- ARGV[6]  deadline, Unix ms or ''  ARGV[12]  most attempts
-- ARGV[7]  default deadline, ms     ARGV[13]  digest of the idempotency key, or ''
-- ARGV[8]  cost in tokens           ARGV[14]  fingerprint     ARGV[15]  most waiting jobs, or ''
--
-- Returns {'accepted' | 'replayed' | 'mismatch', job id} or {'full', waiting}.

local ref, model = ARGV[3], ARGV[4]
local tenant, id = split(ref)
local idem = nil
if ARGV[13] ~= '' then
  idem = PREFIX .. 't:' .. tenant .. ':idem:' .. ARGV[13]
  local known = redis.call('GET', idem)
  if known then
    local colon = string.find(known, ':', 1, true)
    local known_id = string.sub(known, colon + 1)
    if string.sub(known, 1, colon - 1) ~= ARGV[14] then return {'mismatch', known_id} end
    if known_id ~= id then return {'replayed', known_id} end
  end
end
if redis.call('EXISTS', tenant_key(ref, 'job')) == 1 then return {'accepted', id} end
if ARGV[15] ~= '' then
  local waiting = redis.call('ZCARD', model_key(model, 'queue'))
  if waiting >= tonumber(ARGV[15]) then return {'full', tostring(waiting)} end
end

local job = {
  ref = ref, state = 'queued', version = 1, model = model, cost = tonumber(ARGV[8]),
  seq = redis.call('INCR', PREFIX .. 'seq'),
  deadline = ARGV[6] ~= '' and tonumber(ARGV[6]) or NOW + tonumber(ARGV[7]),
}
put(job, 'schema', SCHEMA, 'state', 'queued', 'version', 1, 'seq', job.seq, 'model', model, 'created', NOW,
  'deadline', job.deadline, 'timeout', ARGV[10], 'retention', ARGV[11], 'max', ARGV[12], 'cost', ARGV[8])
job.cost = tonumber(ARGV[8])
if ARGV[9] ~= '' then put(job, 'start_by', NOW + tonumber(ARGV[9])) end
if idem then
  put(job, 'idem', ARGV[13])
  redis.call('SET', idem, ARGV[14] .. ':' .. id)
end
redis.call('SET', tenant_key(ref, 'spec'), ARGV[5])
redis.call('ZADD', state_key(ref, 'queued'), job.seq, id)
redis.call('SADD', PREFIX .. 'models', model)
enter_queue(job)
return {'accepted', id}

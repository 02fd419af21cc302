-- accept: record a new job, unless its idempotency key has made one already.
--
-- ARGV[3]  ref                      ARGV[9]   start_within, ms ('' for none)
-- ARGV[4]  model                    ARGV[10]  timeout, ms
-- ARGV[5]  packed spec              ARGV[11]  retention, ms
-- ARGV[6]  deadline, Unix ms or ''  ARGV[12]  most attempts
-- ARGV[7]  default deadline, ms     ARGV[13]  digest of the idempotency key, or ''
-- ARGV[8]  cost in tokens           ARGV[14]  fingerprint     ARGV[15]  most waiting jobs, or ''
-- ARGV[16] its webhook, or '': JSON {url, origin, events: ',job.failed,…,', full: whether the result is told}
-- ARGV[17] its traceparent, or ''     ARGV[18] '1' if somebody reads its tokens from the first on
-- ARGV[19] fingerprint of the request that waits for it, or ''   ARGV[20] '1' if that is a retry
-- ARGV[21] its class: interactive, standard or batch   ARGV[22] id of the API key
-- ARGV[23] most waiting jobs of its tenant, or ''      ARGV[24] limits of a tenant that has none of its own, JSON or ''
-- ARGV[25] digest of what it asks for, or '' if no other job may get its result
-- ARGV[26] how long its result is kept for others, ms, or '' if it is not
-- ARGV[27] packed outcome of an earlier job that asked for the same, or '': with one, the job ends here
-- ARGV[28] its packed token log, or ''   ARGV[29] its completion tokens   ARGV[30] its finish reason, or ''
-- ARGV[31] what a webhook that includes the result tells of it: members of JSON, or ''   ARGV[32] its prompt tokens
-- ARGV[33] digest by which it shares its run with others of its tenant, or ''
-- ARGV[34] '1' if nothing new is recorded that would run: only a job that was made before is found
--
-- ARGV[35] id of the batch of which it is a line, or ''; then ARGV[36] token of the lease on it, ARGV[37] its position
--
-- A line is accepted once, and each one after the one before it: what comes again is answered as a repeat, whatever has
-- become of its job. So several may be sent at once: behind one that is refused, none is accepted.
--
-- A retry finds the job of an earlier try whose answer was never delivered: one that is known to be lost, or else the
-- one that nobody has asked for again for the longest time; none that was asked for, or lost, too long ago.
--
-- Returns {'accepted', job id, 1 if a dispatch would find room, else 0, `budget_standing`}, and behind that the time, ms,
-- and the accept order of a job that ends here; {'replayed' | 'mismatch', job id}, {'nothing new', model}, what
-- `refusal` has answered, or what `line_refused` has.

local ref, model = ARGV[3], ARGV[4]
local digest, keep_ms, outcome, token_log, tokens, finish_reason, told, prompt_tokens = unpack(ARGV, 25, 32)
local is_known = outcome ~= ''

local tenant, id = split(ref)
local function can_start()
  local room, others_left, beyond = room_in_window(model)
  if ARGV[21] ~= 'interactive' and others_left <= 0 then return 0 end
  return (room > 0 or room + beyond > 0 and is_newcomer(model, tenant, ARGV[21])) and 1 or 0
end
local batch = ARGV[35] ~= '' and tenant .. '/' .. ARGV[35] or nil
if batch then
  local refused = line_refused(batch, ARGV[36], tonumber(ARGV[37]))
  if refused == 'replayed' then return {'replayed', id} end
  if refused then return {refused, ARGV[35]} end
end
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
if redis.call('EXISTS', tenant_key(ref, 'job')) == 1 then
  if batch then pass_line(batch, ARGV[37]) end
  return {'accepted', id, can_start(), budget_standing(tenant, ARGV[24])}
end
local waiting = ARGV[19] ~= '' and foreground_key(ref, ARGV[19])
if waiting and ARGV[20] == '1' then
  local tries = redis.call('ZRANGE', waiting, 0, -1, 'WITHSCORES')
  for i = 1, #tries, 2 do
    local known_id = tries[i]
    if attaches(read_job(tenant .. '/' .. known_id), tries[i + 1]) then
      redis.call('ZADD', waiting, NOW + 1, known_id) -- behind those accepted in this very millisecond
      redis.call('PEXPIRE', waiting, ATTACHES_FOR_MS)
      return {'replayed', known_id}
    end
    redis.call('ZREM', waiting, known_id)
  end
end
local leader = not is_known and ARGV[33] ~= '' and sharing().find(tenant, ARGV[33]) or nil
if not is_known then -- what is known needs no worker, fills no queue and spends nothing
  if ARGV[34] == '1' then return {'nothing new', model} end
  local refused = refusal(tenant, model, tonumber(ARGV[8]), ARGV[15], ARGV[23], ARGV[24], leader, batch)
  if refused then return refused end
end

local deadline = ARGV[6] ~= '' and tonumber(ARGV[6]) or NOW + tonumber(ARGV[7])
local job = begin(ref, ARGV[5], model, ARGV[21], ARGV[22], tonumber(ARGV[8]), deadline, ARGV[10], ARGV[11], ARGV[12],
  batch and ARGV[35])
if batch then pass_line(batch, ARGV[37]) end
if not is_known then charge_budgets(job, ARGV[24]) end
if ARGV[9] ~= '' then put(job, 'start_by', NOW + tonumber(ARGV[9])) end
if idem then
  put(job, 'idem', ARGV[13])
  redis.call('SET', idem, ARGV[14] .. ':' .. id)
end
if ARGV[16] ~= '' then
  put(job, 'hook', cjson.decode(ARGV[16]).full and 2 or 1)
  redis.call('SET', tenant_key(ref, 'hook'), ARGV[16])
end
if ARGV[17] ~= '' then put(job, 'trace', ARGV[17]) end
if ARGV[18] ~= '' then put(job, 'streamed', 1) end
if waiting then
  put(job, 'fore', ARGV[19])
  redis.call('ZADD', waiting, NOW, id)
  redis.call('PEXPIRE', waiting, ATTACHES_FOR_MS)
end
if digest ~= '' then put(job, 'same', digest) end
if is_known then
  redis.call('SET', tenant_key(ref, 'out'), outcome)
  if token_log ~= '' then redis.call('SET', tenant_key(ref, 'log'), token_log) end
  put(job, 'reused', 1, 'emitted', tokens)
  finalise(job, 'succeeded', nil, told ~= '' and told or nil, finish_reason, 0,
    {prompt = prompt_tokens, completion = tokens, cached = prompt_tokens + tokens})
  return {'accepted', id, 0, budget_standing(tenant, ARGV[24]), NOW, job.seq}
end
if keep_ms ~= '' then put(job, 'keep', keep_ms) end
enter(job, ARGV[33], leader)
return {'accepted', id, can_start(), budget_standing(tenant, ARGV[24])}

-- requeue: make a new job of a final one that did not succeed; the old one stays as it ended.
--
-- ARGV[3]  ref of the old job
-- ARGV[4]  id of the new job
-- ARGV[5]  most waiting jobs, or ''
-- ARGV[6]  id of the API key that asks for it
-- ARGV[7]  most waiting jobs of the tenant, or ''
-- ARGV[8]  limits of a tenant that has none of its own, JSON or ''
-- ARGV[9]  '1' if nothing new is recorded: only what an earlier requeue has made is found
--
-- The new job has the same request, priority, webhook, limits and length of life, but no time by which it must have started.
--
-- Returns {'accepted', new id, 1, `budget_standing`}, {'replayed', id} of the job that an earlier requeue has made, or why there can be
-- none: {'nothing new', model}, what `refusal` has answered or {'missing' | 'newer' | 'not final' | 'succeeded', ''}.

local old = read_job(ARGV[3])
if old == nil then return {'missing', ''} end
if old.newer then return {'newer', ''} end
if not is_final(old) then return {'not final', ''} end
if old.state == 'succeeded' then return {'succeeded', ''} end

local tenant, id = split(old.ref)
local ref = tenant .. '/' .. ARGV[4]
if old.requeued_as == ARGV[4] then
  if redis.call('EXISTS', tenant_key(ref, 'job')) == 1 then return {'accepted', ARGV[4], 1, budget_standing(tenant, ARGV[8])} end
elseif old.requeued_as and redis.call('EXISTS', tenant_key(tenant .. '/' .. old.requeued_as, 'job')) == 1 then
  return {'replayed', old.requeued_as}
end
if ARGV[9] == '1' then return {'nothing new', old.model} end
local leader = old.run and sharing().find(tenant, old.run) or nil
local refused = refusal(tenant, old.model, old.cost, ARGV[5], ARGV[7], ARGV[8], leader)
if refused then return refused end

local spec = redis.call('GET', tenant_key(old.ref, 'spec'))
local deadline = NOW + old.deadline - old.created
local job = begin(ref, spec, old.model, class_of(old), ARGV[6], old.cost, deadline, old.timeout, old.retention,
  old.max)
charge_budgets(job, ARGV[8])
put(job, 'requeued_from', id)
if old.hook then
  put(job, 'hook', old.hook)
  redis.call('COPY', tenant_key(old.ref, 'hook'), tenant_key(ref, 'hook'))
end
if old.same then put(job, 'same', old.same) end
if old.keep then put(job, 'keep', old.keep) end
if old.trace then put(job, 'trace', old.trace) end
enter(job, old.run or '', leader)
put(old, 'requeued_as', ARGV[4], 'version', old.version + 1)
bury(old)
return {'accepted', ARGV[4], 1, budget_standing(tenant, ARGV[8])}
